/* SPDX-License-Identifier: Apache-2.0 */
/* basin-manage: what basin hands everything but the OCI verbs to. Not called by hand: `basin` finds it. */
#include "cmd/commands.h"
#include "cmd/program.h"

static const struct cmd_entry entries[] = {
#define OCI(verb, summary)          { "", #verb, summary, false, NULL },
#define MANAGE(noun, verb, summary) { #noun, #verb, summary, false, &cmd_##noun##_##verb },
#define NOUN(noun, summary)         { #noun, "", summary, false, &cmd_##noun },
#define HIDDEN(noun, verb, summary) { #noun, #verb, summary, true, &cmd_##noun##_##verb },
#include "cmd/table.def"
};

int main(int argc, char **argv)
{
	return cmd_program(argc, argv, entries, sizeof(entries) / sizeof(entries[0]), NULL);
}
