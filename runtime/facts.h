/* SPDX-License-Identifier: Apache-2.0 */
/* What this process may do on this host, as far as a plan depends on it. */
#ifndef BSN_RUNTIME_FACTS_H
#define BSN_RUNTIME_FACTS_H

#include <stdbool.h>

/* Whether the capability (linux/capability.h) is effective. */
bool bsn_facts_capable(int capability);
/* Whether this process has all ids: it is not in a user namespace of its own. */
bool bsn_facts_initial_user_namespace(void);
/* Root of the machine, not of a user namespace in which somebody started us. */
bool bsn_facts_host_root(void);

/* Whether the kernel's SELinux has a policy, and whether AppArmor is on. */
bool bsn_facts_selinux(void);
bool bsn_facts_apparmor(void);
/* Whether AppArmor's files are in a directory of their own below /proc/self/attr (since Linux 5.1). */
bool bsn_facts_apparmor_directory(void);
/* Whether the mount that path is on is shared; a mount table that cannot be read says no. */
bool bsn_facts_shared_mount(const char *path);

#endif
