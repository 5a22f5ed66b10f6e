/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seeds the hash of JSON objects, once, with the random bytes that the kernel gave the program: without, jansson opens a device for
 * them. With glibc, whose programs may use jansson for themselves, it does nothing.
 */
#ifndef BSN_BASE_JSON_SEED_H
#define BSN_BASE_JSON_SEED_H

void bsn_json_seed(void);

#endif
