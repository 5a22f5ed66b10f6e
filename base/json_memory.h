/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of documents in the hot programs; see the top of json_memory.c. */
#ifndef BSN_BASE_JSON_MEMORY_H
#define BSN_BASE_JSON_MEMORY_H

/* Before the first document is made or read; again is nothing. */
void bsn_json_memory(void);

#endif
