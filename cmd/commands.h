/* SPDX-License-Identifier: Apache-2.0 */
/* Every command of cmd/table.def, declared. Each program links the ones that are its own. */
#ifndef BSN_CMD_COMMANDS_H
#define BSN_CMD_COMMANDS_H

#include "cmd/cmd.h"

#define OCI(verb, summary)          extern const struct cmd_command cmd_##verb;
#define MANAGE(noun, verb, summary) extern const struct cmd_command cmd_##noun##_##verb;
#define NOUN(noun, summary)         extern const struct cmd_command cmd_##noun;
#define HIDDEN(noun, verb, summary) extern const struct cmd_command cmd_##noun##_##verb;
#include "cmd/table.def"
#undef OCI
#undef MANAGE
#undef NOUN
#undef HIDDEN

#endif
