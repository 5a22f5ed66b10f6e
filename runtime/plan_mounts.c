/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of mounts[]. What is the host's comes as a detached mount with its attributes already on it; a new file system is made by
 * the child in its own namespaces. A read-only tmpfs becomes so at the very end: others are mounted below it first.
 */
#include "runtime/plan.h"

#include <limits.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "runtime/facts.h"

#define FSCONFIG_TEXT_MAX 255 /* fsconfig(2) takes no longer value */
#define LOCKABLE          (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
#define TIMES             (MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME)

/* The changes of propagation for the child: the last ones, if there are more than it takes. */
static uint64_t propagation_of(const struct bsn_mount *mount)
{
	uint64_t changes = 0;
	size_t first = mount->propagation_count > BSN_PROPAGATION_MAX ? mount->propagation_count - BSN_PROPAGATION_MAX : 0;
	for (size_t i = mount->propagation_count; i-- > first;) {
		unsigned long flags = mount->propagation[i];
		uint64_t change = flags & MS_SHARED    ? BSN_PROPAGATION_SHARED
				  : flags & MS_SLAVE   ? BSN_PROPAGATION_SLAVE
				  : flags & MS_PRIVATE ? BSN_PROPAGATION_PRIVATE
						       : BSN_PROPAGATION_UNBINDABLE;
		changes = changes << 8 | change | (flags & MS_REC ? BSN_PROPAGATION_RECURSIVE : 0);
	}
	return changes;
}

static bool is_type(const struct bsn_mount *mount, const char *type)
{
	return mount->type != NULL && bsn_streq(mount->type, type);
}

static bool is_cgroup(const struct bsn_mount *mount)
{
	return is_type(mount, "cgroup") || is_type(mount, "cgroup2");
}

/* --- where --- */

/* The path without "//", "." and "..", taken by its text alone; what is in the container is resolved there. */
static char *clean_path(struct bsn_arena *arena, const char *path)
{
	char *clean = bsn_arena_format(arena, "/%s", path);
	size_t length = 0;
	for (const char *at = path; clean != NULL && *at != '\0';) {
		size_t part = strcspn(at, "/");
		if (part == 2 && at[0] == '.' && at[1] == '.') {
			while (length > 0 && clean[--length] != '/')
				;
		} else if (part > 0 && !(part == 1 && at[0] == '.')) {
			clean[length++] = '/';
			memcpy(clean + length, at, part);
			length += part;
		}
		at += part;
		at += strspn(at, "/");
	}
	if (clean != NULL) {
		clean[length > 0 ? length : 1] = '\0';
		clean[0] = '/';
	}
	return clean;
}

/* What of the path lies in the directory, with a slash before it; NULL when it does not. */
static const char *path_inside(const char *directory, const char *path)
{
	size_t length = strlen(directory);
	while (length > 1 && directory[length - 1] == '/')
		length--;
	if (strncmp(path, directory, length) != 0 || (path[length] != '/' && path[length] != '\0'))
		return NULL;
	return path[length] == '\0' ? "/" : path + length;
}

/* Within the root, as runc has it: a destination that begins with the root's own path is meant there. */
static const char *destination_of(struct bsn_plan *plan, const struct bsn_mount *mount)
{
	const char *inside = plan->root_path != NULL && !bsn_streq(plan->root_path, "/")
				     ? path_inside(plan->root_path, mount->destination)
				     : NULL;
	return inside != NULL ? inside : mount->destination;
}

/* What lxcfs and the like put over files of procfs. All else that runs in the container trusts to be the kernel's. */
static bool is_emulated(const char *path)
{
	static const char *const files[] = { "cpuinfo",
					     "diskstats",
					     "meminfo",
					     "stat",
					     "swaps",
					     "uptime",
					     "loadavg",
					     "slabinfo",
					     "sys/kernel/ns_last_pid",
					     "sys/crypto/fips_enabled" };
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (bsn_streq(path, files[i]))
			return true;
	return false;
}

/* Nothing may be mounted over /proc but a procfs, and nothing in it but what emulates a file: 1 for a bind mount of /proc itself. */
static int check_proc(struct bsn_plan *plan, const struct bsn_mount *mount, const char *destination, struct basin_error *err)
{
	const char *clean = clean_path(plan->arena, destination);
	if (clean == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot plan the mount at \"%s\"", destination);
	const char *inside = path_inside("/proc", clean);
	if (inside == NULL || is_type(mount, "proc") || mount->remount)
		return 0;
	if (bsn_streq(inside, "/")) {
		if (mount->bind)
			return 1;
		return bsn_fail(err, BASIN_USAGE, EPERM, "mounts: \"%s\" cannot be mounted because it is not of type proc",
				destination);
	}
	if (!is_emulated(inside + 1))
		return bsn_fail(err, BASIN_USAGE, EPERM, "mounts: \"%s\" cannot be mounted because it is inside /proc",
				destination);
	return 0;
}

/* --- binds --- */

/* Others are mounted below it later, so that it can be read-only only when they are. Nobody makes directories for them in a sysfs. */
static bool is_covered_later(const struct bsn_config *config, const struct bsn_mount *mount)
{
	if (is_type(mount, "sysfs"))
		return false;
	for (const struct bsn_mount *later = mount + 1; later < config->mounts + config->mount_count; later++) {
		const char *inside = path_inside(mount->destination, later->destination);
		if (inside != NULL && !bsn_streq(inside, "/"))
			return true;
	}
	return false;
}

static bool is_read_only_late(const struct bsn_config *config, const struct bsn_mount *mount)
{
	if ((mount->attr_set & MOUNT_ATTR_RDONLY) == 0)
		return false;
	const char *at = mount->destination;
	return is_type(mount, "tmpfs") || bsn_streq(at, "/dev") || bsn_streq(at, "/dev/") || is_covered_later(config, mount);
}

/* ATTACH's and REMOUNT's N0, N1, N3 (runtime/child/attach.c says what they do). */
static void plan_attributes(struct bsn_op *op, const struct bsn_mount *mount, bool late)
{
	uint64_t set = mount->attr_set;
	uint64_t clear = 0;
	if ((mount->attr_set | mount->attr_clear | mount->sb_flags | mount->sb_clear) != 0) {
		clear = (LOCKABLE | MOUNT_ATTR_NOSYMFOLLOW) & ~set;
		if (mount->access_time)
			clear |= MOUNT_ATTR__ATIME | (MOUNT_ATTR_NODIRATIME & ~set);
		else
			set &= ~(uint64_t)TIMES;
	}
	if (late)
		set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	op->number[0] = set | clear << 32;
	op->number[1] = mount->attr_clear & LOCKABLE & ~mount->attr_set;
	op->number[3] = mount->rec_set | mount->rec_clear << 32;
}

static const char *absolute_source(struct bsn_plan *plan, const struct bsn_plan_request *request, const struct bsn_mount *mount)
{
	if (mount->source == NULL || mount->source[0] == '/')
		return mount->source;
	return bsn_arena_format(plan->arena, "%s/%s", request->bundle, mount->source);
}

/* A source that is a link is copied as one: 1, or 0 when it is none. */
static int plan_link(struct bsn_plan *plan, const char *source, const char *destination, struct basin_error *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(source, target, sizeof(target) - 1);
	if (n < 0 && errno != EINVAL)
		return bsn_fail_sys(err, errno, "cannot read the mount's source \"%s\"", source);
	if (n < 0)
		return 0;
	target[n] = '\0';
	uint32_t text = bsn_list_text(&plan->list, target);
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_SYMLINK, destination);
	op->text[1] = text;
	op->flags = BSN_OP_F_TRY;
	return 1;
}

/*
 * The child makes a bind itself where it can: mounts then have the order of the config, in mountinfo too. It cannot where it may not reach the
 * source or map its ids, where its mounts would not be peers of the host's, and where it comes into a container that runs.
 */
static bool needs_handle(const struct bsn_plan *plan, const struct bsn_config *config, const struct bsn_mount *mount,
			 const char *source)
{
	bool shared = false;
	if (!plan->privileged)
		return false;
	for (size_t i = 0; i < mount->propagation_count; i++)
		shared |= (mount->propagation[i] & MS_SHARED) != 0;
	return plan->live || mount->idmap || config->namespaces[BSN_NS_USER].given || (shared && bsn_facts_shared_mount(source));
}

/* Where the source comes from: the host's, opened there; what is in the container already; or what the child may see. */
static int plan_source(struct bsn_plan *plan, const struct bsn_config *config, const struct bsn_mount *mount, const char *source,
		       struct bsn_op *op, struct basin_error *err)
{
	const char *clean = clean_path(plan->arena, source);
	const char *inside = plan->root_path != NULL && clean != NULL ? path_inside(plan->root_path, clean) : NULL;
	if (mount->idmap && !plan->privileged)
		return bsn_fail(err, BASIN_UNSUPPORTED, EPERM, "the idmapped mount at \"%s\" needs privileges on the host",
				mount->destination);
	if (inside != NULL) {
		op->flags |= BSN_OP_F_IN_ROOT;
		op->text[1] = bsn_list_text(&plan->list, inside);
		if (mount->idmap) {
			op->flags |= BSN_OP_F_MAP_IDS;
			op->count = (uint32_t)(mount - config->mounts) + 1;
		}
		return 0;
	}
	op->text[1] = bsn_list_text(&plan->list, source);
	if (!needs_handle(plan, config, mount, source))
		return 0;
	op->fd = bsn_plan_handle(plan, BSN_HANDLE_BIND, source, mount);
	if (config->namespaces[BSN_NS_USER].given)
		op->flags |= BSN_OP_F_LOCKED;
	return 0;
}

static int plan_bind(struct bsn_plan *plan, const struct bsn_plan_request *request, const struct bsn_mount *mount,
		     struct basin_error *err)
{
	const struct bsn_config *config = request->config;
	const char *source = absolute_source(plan, request, mount);
	const char *destination = destination_of(plan, mount);
	if (source == NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "mounts: the bind mount at \"%s\" has no source", mount->destination);
	int proc = check_proc(plan, mount, destination, err);
	int r = proc >= 0 && mount->copy_symlink ? plan_link(plan, source, destination, err) : proc;
	if (r < 0 || (r > 0 && mount->copy_symlink))
		return r;
	struct bsn_op op = { .code = BSN_OP_ATTACH, .fd = -1 };
	plan_attributes(&op, mount, is_read_only_late(config, mount));
	op.flags = (uint16_t)((mount->bind_recursive ? BSN_OP_F_RECURSIVE : 0u) |
			      (mount->source_nofollow ? BSN_OP_F_NO_FOLLOW : 0u) |
			      (mount->destination_nofollow ? BSN_OP_F_LINK : 0u) | (proc > 0 ? BSN_OP_F_PROC : 0u));
	op.number[2] = propagation_of(mount);
	r = plan_source(plan, config, mount, source, &op, err);
	op.text[0] = bsn_list_text(&plan->list, destination);
	*bsn_list_add(&plan->list, BSN_OP_ATTACH) = op;
	return r;
}

/* Where version 1 has controllers, a container without a cgroup namespace is shown its own part of the tree, as of each hierarchy. */
static void plan_cgroup_bind(struct bsn_plan *plan, const struct bsn_mount *mount)
{
	/* Whom nobody gave a cgroup sees what everybody sees. */
	uint32_t source = bsn_list_text(&plan->list, "/sys/fs/cgroup");
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_ATTACH, destination_of(plan, mount));
	op->text[1] = source;
	plan_attributes(op, mount, false);
	op->number[2] = propagation_of(mount);
	if (plan->privileged)
		op->fd = bsn_plan_handle(plan, BSN_HANDLE_CGROUP, NULL, mount);
	else
		op->flags = BSN_OP_F_RECURSIVE;
}

/* As programs for version 1 expect it: a directory for each hierarchy that the container is in, and "unified" for version 2. */
static void plan_cgroup_legacy(struct bsn_plan *plan, const struct bsn_plan_request *request, const struct bsn_mount *mount)
{
	static const char *const options[] = { "source=tmpfs", "mode=755" };
	const struct bsn_legacy *legacy = request->legacy;
	uint32_t type = bsn_list_text(&plan->list, "tmpfs");
	uint32_t vector = bsn_list_vector(&plan->list, options, 2);
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_MOUNT, mount->destination);
	op->text[1] = type;
	op->text[2] = vector;
	op->number[0] = mount->attr_set & ~(uint64_t)MOUNT_ATTR_RDONLY;
	op->number[1] = propagation_of(mount);
	for (size_t i = 0; i <= legacy->count; i++) {
		const struct bsn_legacy_place *place = i < legacy->count ? &legacy->places[i] : NULL;
		uint32_t source = bsn_list_text(&plan->list, "cgroup");
		op = bsn_list_add_text(
			&plan->list, BSN_OP_ATTACH,
			bsn_arena_format(plan->arena, "%s/%s", mount->destination, place != NULL ? place->name : "unified"));
		op->text[1] = source;
		plan_attributes(op, mount, false);
		op->fd = place != NULL ? bsn_plan_handle(plan, BSN_HANDLE_LEGACY, place->path, mount)
				       : bsn_plan_handle(plan, BSN_HANDLE_CGROUP, NULL, mount);
	}
	if ((mount->attr_set & MOUNT_ATTR_RDONLY) != 0)
		bsn_list_add_text(&plan->list, BSN_OP_REMOUNT, mount->destination)->number[0] = MOUNT_ATTR_RDONLY;
}

/* --- new file systems --- */

static bool id_is_mapped(const struct bsn_config *config, const struct bsn_id_maps *maps, unsigned long id)
{
	if (!config->namespaces[BSN_NS_USER].given || maps->count == 0)
		return true;
	for (size_t i = 0; i < maps->count; i++)
		if (id >= maps->of[i].container && id - maps->of[i].container < maps->of[i].size)
			return true;
	return false;
}

/* SELinux's label for all that is in the mount, where there is SELinux and the file system keeps none itself. */
static const char *context_option(struct bsn_plan *plan, const struct bsn_config *config, const struct bsn_mount *mount)
{
	const char *kind = bsn_config_annotation(config, "run.oci.mount_context_type");
	if (config->mount_label == NULL || is_type(mount, "proc") || is_type(mount, "sysfs") || is_type(mount, "mqueue") ||
	    is_cgroup(mount) || !bsn_facts_selinux())
		return NULL;
	for (size_t i = 0; i < mount->data.count; i++)
		if (bsn_starts_with(mount->data.of[i], "context="))
			return NULL;
	return bsn_arena_format(plan->arena, "%s=%s", kind != NULL ? kind : "context", config->mount_label);
}

/* The options for fsconfig(2), in order; *ret_long when one of them is too long for it. */
static const char **options_of(struct bsn_plan *plan, const struct bsn_config *config, const struct bsn_mount *mount,
			       size_t *ret_count, bool *ret_long, bool *ret_mode)
{
	static const struct {
		unsigned long flag;
		const char *name;
	} flags[] = {
		{ MS_SYNCHRONOUS, "sync" }, { MS_DIRSYNC, "dirsync" }, { MS_MANDLOCK, "mand" }, { MS_LAZYTIME, "lazytime" }
	};
	const char **options = bsn_arena_array(plan->arena, mount->data.count + 7, sizeof(*options));
	size_t count = 0;
	if (options == NULL)
		return NULL;
	if (mount->source != NULL && !is_cgroup(mount))
		options[count++] = bsn_arena_format(plan->arena, "source=%s", mount->source);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (mount->sb_flags & flags[i].flag)
			options[count++] = flags[i].name;
	for (size_t i = 0; i < mount->data.count; i++) {
		const char *option = mount->data.of[i];
		*ret_long |= strlen(option) > FSCONFIG_TEXT_MAX;
		*ret_mode |= bsn_starts_with(option, "mode=");
		/* The usual "gid=5" where the user namespace has no such group: the kernel would refuse the mount. */
		if (is_type(mount, "devpts") && bsn_starts_with(option, "gid=") &&
		    !id_is_mapped(config, &config->gid_maps, strtoul(option + 4, NULL, 10)))
			continue;
		options[count++] = option;
	}
	const char *label = context_option(plan, config, mount);
	if (label != NULL)
		options[count++] = label;
	*ret_count = count;
	return options;
}

static uint64_t attributes_of(const struct bsn_config *config, const struct bsn_mount *mount)
{
	uint64_t attributes = mount->attr_set | mount->rec_set;
	return is_read_only_late(config, mount) ? attributes & ~(uint64_t)MOUNT_ATTR_RDONLY : attributes;
}

static int plan_new_mount(struct bsn_plan *plan, const struct bsn_config *config, const struct bsn_mount *mount,
			  struct basin_error *err)
{
	size_t count = 0;
	bool too_long = false;
	bool has_mode = false;
	const char **options = options_of(plan, config, mount, &count, &too_long, &has_mode);
	if (options == NULL)
		return bsn_fail_sys(err, ENOMEM, "cannot plan the mount at \"%s\"", mount->destination);
	if (mount->type == NULL)
		return bsn_fail(err, BASIN_USAGE, EINVAL, "mounts: the mount at \"%s\" has no type and is no bind mount",
				mount->destination);
	int r = check_proc(plan, mount, destination_of(plan, mount), err);
	if (r < 0)
		return r;
	uint32_t type = bsn_list_text(&plan->list, is_cgroup(mount) ? "cgroup2" : mount->type);
	uint32_t vector = count > 0 ? bsn_list_vector(&plan->list, options, count) : 0;
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_MOUNT, destination_of(plan, mount));
	op->text[1] = type;
	op->text[2] = vector;
	op->number[0] = attributes_of(config, mount);
	op->number[1] = propagation_of(mount);
	/* fsconfig(2) has no word for these two, and none for a long one. */
	if (too_long || mount->sb_flags & (MS_I_VERSION | MS_POSIXACL)) {
		op->flags |= BSN_OP_F_OLD;
		op->number[2] = mount->sb_flags & (MS_I_VERSION | MS_POSIXACL);
	}
	if (is_type(mount, "proc") || is_type(mount, "sysfs"))
		op->flags |= BSN_OP_F_NO_FOLLOW;
	/* sysfs belongs to a network namespace, cgroup2 to a cgroup namespace: one of another owner's cannot be mounted, and the host's is
	 * shown instead. */
	if ((is_type(mount, "sysfs") || is_cgroup(mount)) && config->namespaces[BSN_NS_USER].given)
		op->flags |= BSN_OP_F_FALLBACK;
	if (is_type(mount, "tmpfs") && !has_mode)
		op->flags |= BSN_OP_F_INHERIT_MODE;
	if (mount->tmpcopyup)
		op->flags |= BSN_OP_F_COPY_UP;
	return 0;
}

/* "remount" with "bind" changes the mount, without it the file system too. */
static int plan_remount(struct bsn_plan *plan, const struct bsn_config *config, const struct bsn_mount *mount,
			struct basin_error *err)
{
	size_t count = 0;
	bool ignored = false;
	const char **options = mount->bind ? NULL : options_of(plan, config, mount, &count, &ignored, &ignored);
	if (options == NULL && !mount->bind)
		return bsn_fail_sys(err, ENOMEM, "cannot plan the mount at \"%s\"", mount->destination);
	uint32_t vector = mount->data.count > 0 && count > 0 ? bsn_list_vector(&plan->list, options, count) : 0;
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_REMOUNT, destination_of(plan, mount));
	op->text[2] = vector;
	plan_attributes(op, mount, is_read_only_late(config, mount));
	return 0;
}

int bsn_plan_mounts(struct bsn_plan *plan, const struct bsn_plan_request *request, struct basin_error *err)
{
	const struct bsn_config *config = request->config;
	int r = 0;
	for (size_t i = 0; r >= 0 && i < config->mount_count; i++) {
		const struct bsn_mount *mount = &config->mounts[i];
		if (mount->remount)
			r = plan_remount(plan, config, mount, err);
		else if (mount->bind)
			r = plan_bind(plan, request, mount, err);
		else if (is_type(mount, "cgroup") && request->legacy != NULL && request->legacy->count > 0)
			plan_cgroup_legacy(plan, request, mount);
		else if (is_cgroup(mount) && !config->namespaces[BSN_NS_CGROUP].given && plan->privileged && bsn_legacy_host())
			plan_cgroup_bind(plan, mount);
		else
			r = plan_new_mount(plan, config, mount, err);
	}
	return r;
}

static void plan_read_only(struct bsn_plan *plan, const char *destination)
{
	struct bsn_op *op = bsn_list_add_text(&plan->list, BSN_OP_REMOUNT, destination);
	op->number[0] = MOUNT_ATTR_RDONLY;
}

void bsn_plan_late_read_only(struct bsn_plan *plan, const struct bsn_config *config)
{
	for (size_t i = 0; i < config->mount_count; i++)
		if (is_read_only_late(config, &config->mounts[i]))
			plan_read_only(plan, destination_of(plan, &config->mounts[i]));
}

/* Whether path is one of the first count. */
static bool is_named(const struct bsn_strings *paths, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (bsn_streq(paths->of[i], path))
			return true;
	return false;
}

/* The host's sysfs that stands in for the container's brings the host's cgroups, which nobody asked for; crun hides them too. */
static void plan_cgroup_mask(struct bsn_plan *plan, const struct bsn_config *config)
{
	static const char cgroups[] = "/sys/fs/cgroup";
	bool hide = false;
	if (!config->namespaces[BSN_NS_USER].given || is_named(&config->masked_paths, config->masked_paths.count, cgroups))
		return;
	for (size_t i = 0; i < config->mount_count; i++) {
		const char *at = destination_of(plan, &config->mounts[i]);
		if (config->mounts[i].remount)
			continue;
		if (path_inside(at, cgroups) != NULL)
			hide = is_type(&config->mounts[i], "sysfs");
		else if (path_inside(cgroups, at) != NULL)
			hide = false;
	}
	if (hide)
		bsn_list_add_text(&plan->list, BSN_OP_MASK, cgroups)->flags = BSN_OP_F_MOUNTED;
}

void bsn_plan_masks(struct bsn_plan *plan, const struct bsn_config *config)
{
	plan_cgroup_mask(plan, config);
	for (size_t i = 0; i < config->readonly_paths.count; i++)
		bsn_list_add_text(&plan->list, BSN_OP_READ_ONLY, config->readonly_paths.of[i]);
	for (size_t i = 0; i < config->masked_paths.count; i++)
		if (!is_named(&config->masked_paths, i, config->masked_paths.of[i]))
			bsn_list_add_text(&plan->list, BSN_OP_MASK, config->masked_paths.of[i]);
	bsn_plan_late_read_only(plan, config);
	if (config->root_readonly)
		plan_read_only(plan, "/");
}
