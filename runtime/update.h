/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An update of resources as a document: what is asked for (linux.resources of config.json, or `update`'s options), what it becomes
 * together with what holds already, and what of that the kernel is to be told. Pure: nothing here reads or changes the host.
 */
#ifndef BSN_RUNTIME_UPDATE_H
#define BSN_RUNTIME_UPDATE_H

#include "base/json.h"
#include "runtime/runtime.h"

/* The document that the options mean: the JSON of --resources, or one made of the values. The caller's to release. */
int bsn_update_parse(const struct bsn_update_options *options, const char *oci_version, json_t **ret_update,
		     struct basin_error *err);

/*
 * Lays the update over what the container has. Members replace members; in lists of devices and of page sizes each element replaces the
 * one for the same device or size. linux is config.json's, and becomes what is to be kept.
 */
int bsn_update_merge(json_t *linux_part, const json_t *update, struct basin_error *err);

/*
 * Adds to the update what the kernel wants to hear in one breath: the quota with the period, memory with swap, the shares of one that
 * is idle no more; from the merged document.
 */
int bsn_update_complete(json_t *update, const json_t *merged, struct basin_error *err);

#endif
