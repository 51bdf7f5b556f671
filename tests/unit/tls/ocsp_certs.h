/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_TLS_OCSP_CERTS_H
#define TEST_TLS_OCSP_CERTS_H

/*
 * A certificate, its key and who signed it, good for a hundred years: what the seeds in
 * tests/fuzz/corpus/ocsp are about, each of which is named after what is special in it.
 */
static const char ocsp_leaf[] = "-----BEGIN CERTIFICATE-----\n"
				"MIIBhzCCASygAwIBAgICEAEwCgYIKoZIzj0EAwIwIjEgMB4GA1UEAwwXUGVuc3Rv\n"
				"Y2sgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTI1MTU0MTMyWhgPMjEyNjExMDExNTQx\n"
				"MzJaMBcxFTATBgNVBAMMDGxlYWYuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49\n"
				"AwEHA0IABP/ChAI/sYGsvOL/eou8mfBbTNnd2+ms008wfkUaFG0Xzo/T3Dr4nXmu\n"
				"XT6GvHQ1ue0H0LwkzMvR+YaosFkc7dajWzBZMBcGA1UdEQQQMA6CDGxlYWYuZXhh\n"
				"bXBsZTAdBgNVHQ4EFgQUnFLgvYLlxyxj2ONYEjAU/BVXkYwwHwYDVR0jBBgwFoAU\n"
				"/9+jGXk247CPgl1xfDtULqjt6p0wCgYIKoZIzj0EAwIDSQAwRgIhAKInq1PXuWAq\n"
				"kfao9dIcvXdgt7OKkkPVm8byqznpBggvAiEA7D1+82zo4q/dMdoFh3Q/dc4hJ/OB\n"
				"SO2smaWOefYWA6w=\n"
				"-----END CERTIFICATE-----\n";

static const char ocsp_key[] = "-----BEGIN PRIVATE KEY-----\n"
			       "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgixyfIQgnuhelCjnC\n"
			       "Bp1R+YCRYPbSwutkBuR1PRJ7tNGhRANCAAT/woQCP7GBrLzi/3qLvJnwW0zZ3dvp\n"
			       "rNNPMH5FGhRtF86P09w6+J15rl0+hrx0NbntB9C8JMzL0fmGqLBZHO3W\n"
			       "-----END PRIVATE KEY-----\n";

static const char ocsp_issuer[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBmjCCAUGgAwIBAgIUB3uB0WyFqd7HTsnu4mGBHlMuWY4wCgYIKoZIzj0EAwIw\n"
	"IjEgMB4GA1UEAwwXUGVuc3RvY2sgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTI1MTU0\n"
	"MTMyWhgPMjEyNjExMDExNTQxMzJaMCIxIDAeBgNVBAMMF1BlbnN0b2NrIHRlc3Qg\n"
	"YXV0aG9yaXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7E8wlzUQ+To2/Lok\n"
	"fKAM+oeXYj/F3lCvlxhC3k3K28JvMLsAzy4M4rVdqN8lJ+S0K+LkcYnoKQG6NlQi\n"
	"4jvuB6NTMFEwHQYDVR0OBBYEFP/foxl5NuOwj4JdcXw7VC6o7eqdMB8GA1UdIwQY\n"
	"MBaAFP/foxl5NuOwj4JdcXw7VC6o7eqdMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZI\n"
	"zj0EAwIDRwAwRAIgfCEp2GqqiZOLOqtDv1Z2UhiWIAmHCdUMOZOn6Y0VQjMCIAyX\n"
	"A6JZpzWObCgjQ2D2eCGPNHSjX4e64y8VMW7xS2EI\n"
	"-----END CERTIFICATE-----\n";

#endif
