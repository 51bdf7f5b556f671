/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file, and the process as a whole. */
#include <errno.h>
#include <string.h>

#include "commands.h"

/* An empty line would end the answer: it is sent as a blank, which JSON does not mind. */
static void print_text(FILE *out, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len == 0 || (len == 1 && *text == '\r'))
			fputc(' ', out);
		else
			fwrite(text, 1, len, out);
		fputc('\n', out);
		text += len + (text[len] == '\n');
	}
}

int command_show_config(struct request *request)
{
	const struct snapshot *snapshot = request_snapshot(request);

	fprintf(request->out, "# %s, configuration %llu\n", snapshot->config->path,
		(unsigned long long)snapshot->config_generation);
	print_text(request->out, snapshot->config->text);
	return 0;
}

void request_print_errors(const struct request *request, const struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		print_text(request->out, errors->lines[i]);
}

int command_reload(struct request *request)
{
	struct config_errors errors = { 0 };
	const struct snapshot *snapshot;
	int ret = request->params->ops->reload(request->params->ctx, &errors);

	snapshot = request_snapshot(request);
	if (ret < 0) {
		request_print_errors(request, &errors);
		config_errors_clear(&errors);
		request_fail(request, EBADMSG, "%s was not loaded, configuration %llu goes on",
			snapshot->config->path, (unsigned long long)snapshot->config_generation);
		return -EBADMSG;
	}
	config_errors_clear(&errors);
	fprintf(request->out, "configuration %llu is loaded from %s\n",
		(unsigned long long)snapshot->config_generation, snapshot->config->path);
	return 0;
}

int command_shutdown(struct request *request)
{
	request->params->ops->shutdown(request->params->ctx);
	return 0;
}
