/* SPDX-License-Identifier: Apache-2.0 */
/* What OCI's configuration, written for cgroup v1, means in the kernel's terms of v2. */
#include "pool/cgroup.h"

/* log2 in units of 2^-32, for x from 1 to 2^32: the whole part by position, then one bit for each squaring of the rest. */
static int64_t log2_fixed(uint64_t x)
{
	int whole = 63 - __builtin_clzll(x);
	int64_t result = (int64_t)whole << 32;
	uint64_t rest = x << (62 - whole); /* 1.0 is 2^62 */
	for (int bit = 31; bit >= 0; bit--) {
		__uint128_t square = (__uint128_t)rest * rest >> 62;
		if (square >= (__uint128_t)1 << 63) {
			result |= (int64_t)1 << bit;
			square >>= 1;
		}
		rest = (uint64_t)square;
	}
	return result;
}

/*
 * The former formula was a straight line, which gave the default of v1 (1024 shares) far less than the default of v2 (weight
 * 100). This is the curve that runc and crun agreed on: with l = log2(shares), weight = 10 ^ ((l*l + 125*l) / 612 - 7/34),
 * rounded up. It is found here as the smallest weight whose logarithm is as large; no floating point, so that the result is the
 * same everywhere.
 */
int64_t bsn_cgroup_weight_of_shares(uint64_t shares)
{
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	const __int128_t one = (__int128_t)1 << 32;
	const __int128_t l = log2_fixed(shares);
	const __int128_t log2_of_10 = 14267572527; /* log2(10) * 2^32 */
	__int128_t exponent = (l * l / one + 125 * l) / 612 - 7 * one / 34;
	int64_t wanted =
		(int64_t)(exponent * log2_of_10 / one) - 64; /* less the error of the last bits: a whole number stays one */
	int64_t low = 1, high = 10000;
	while (low < high) {
		int64_t middle = (low + high) / 2;
		if (log2_fixed((uint64_t)middle) >= wanted)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

int64_t bsn_cgroup_io_weight(uint64_t weight)
{
	if (weight <= 10)
		return 1;
	if (weight >= 1000)
		return 10000;
	return 1 + (int64_t)((weight - 10) * 9999 / 990);
}

/* The way back, to the same number: the steps there are larger than one. */
int64_t bsn_cgroup_io_weight_bfq(int64_t io_weight)
{
	return 10 + ((io_weight - 1) * 990 + 9998) / 9999;
}

int bsn_cgroup_swap_of_total(int64_t limit, int64_t total, int64_t *ret_swap, struct basin_error *err)
{
	/* 0 is no swap at all, also where memory has no limit; with unlimited memory there is nothing to take off. */
	if (total == BSN_CGROUP_UNSET || total == BSN_CGROUP_MAX || total == 0 || limit == BSN_CGROUP_MAX) {
		*ret_swap = total;
		return 0;
	}
	if (limit == BSN_CGROUP_UNSET)
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"a limit of memory and swap together needs a limit of memory too: unable to set swap limit "
				"without memory limit");
	if (total < limit)
		return bsn_fail(err, BASIN_USAGE, EINVAL,
				"the limit of memory and swap together, %lld, is below "
				"that of memory, %lld",
				(long long)total, (long long)limit);
	*ret_swap = total - limit;
	return 0;
}
