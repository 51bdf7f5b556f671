/* SPDX-License-Identifier: Apache-2.0 */
#include "syslog.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define US_PER_S      1000000
#define SEVERITIES    8
#define INFORMATIONAL 6

void syslog_host(char host[SYSLOG_HOST_MAX])
{
	if (gethostname(host, SYSLOG_HOST_MAX) < 0 || host[0] == '\0')
		strcpy(host, "-");
	host[SYSLOG_HOST_MAX - 1] = '\0';
}

void syslog_head(FILE *out, const struct config_syslog *config, const char *host, uint64_t unix_us)
{
	time_t seconds = (time_t)(unix_us / US_PER_S);
	unsigned priority = config->facility * SEVERITIES + INFORMATIONAL;
	char date[40];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	if (config->format == CONFIG_SYSLOG_RFC3164) {
		strftime(date, sizeof(date), "%b %e %H:%M:%S", &tm);
		fprintf(out, "<%u>%s %s %s[%d]: ", priority, date, host, config->tag,
			(int)getpid());
		return;
	}
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	/* RFC 5424 6.2: version, time, host, application, process, message id, no data. */
	fprintf(out, "<%u>1 %s.%06uZ %s %s %d access - ", priority, date,
		(unsigned)(unix_us % US_PER_S), host, config->tag, (int)getpid());
}
