/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_WIRE_H
#define CONTROL_WIRE_H

/*
 * What both ends of the stats socket agree on. A command is a line, or several joined by ';'. An
 * empty line ends each answer, and no answer has an empty line inside. An answer whose first line
 * begins with CONTROL_ERROR_PREFIX says that the command failed. The connection closes after one
 * line, unless it was "prompt": from then on each line's answers are followed by
 * CONTROL_PROMPT. A line that ends in CONTROL_PAYLOAD_MARK is followed by lines for its command, up
 * to an empty one.
 */
#define CONTROL_ERROR_PREFIX "error: "
#define CONTROL_PROMPT       "> "
#define CONTROL_PAYLOAD_MARK "<<"
#define CONTROL_PAYLOAD_MAX  262144 /* bytes */
#define CONTROL_LINE_MAX     4095   /* bytes, without the newline */

#endif
