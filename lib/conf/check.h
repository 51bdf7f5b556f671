/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

struct node;
struct reader;

/* The root's check: what several parts of the configuration owe each other. Fills in the defaults
 * that depend on other parts. object: struct config. */
void config_check(struct reader *reader, const struct node *root, void *object);

#endif
