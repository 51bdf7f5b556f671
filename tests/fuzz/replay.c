/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files of a corpus folder, without a fuzzer. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int file_run(const char *folder, const char *name)
{
	char path[4096];
	uint8_t *data = malloc(1 << 20);
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (file == NULL || data == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		free(data);
		return -1;
	}
	len = fread(data, 1, 1 << 20, file);
	fclose(file);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	unsigned count = 0;
	DIR *folder;

	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
		return 2;
	}
	folder = opendir(argv[1]);
	if (folder == NULL) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (file_run(argv[1], entry->d_name) < 0)
			return 1;
		count++;
	}
	closedir(folder);
	printf("%u inputs\n", count);
	return count > 0 ? 0 : 1;
}
