# SPDX-License-Identifier: Apache-2.0
# Shell completions from the programs' own listing (cmd/help.c, cmd_print_listing):
#
#     { basin __table; basin-manage __table; } | awk -v shell=bash -f generate.awk
#
# Lines: command NOUN VERB SUMMARY; option NOUN VERB NAME LETTER ARGUMENT HELP. "-" stands for nothing; an option of "-" "-" is global.
BEGIN {
	FS = "\t"
}

$1 == "command" {
	noun = $2
	verb = $3
	first = noun == "-" ? verb : noun
	if (!(first in tops)) {
		tops[first] = noun != "-" && verb != "-" ? "" : $4
		top_order[++top_count] = first
	}
	if (noun != "-" && verb != "-") {
		verbs[noun] = verbs[noun] (verbs[noun] == "" ? "" : " ") verb
		summaries[noun, verb] = $4
		tops[noun] = verbs[noun]
	}
	next
}

$1 == "option" {
	key = $2 == "-" && $3 == "-" ? "" : $2 == "-" ? $3 : $3 == "-" ? $2 : $2 " " $3
	if ((key, $4) in known)
		next # both programs list the global ones
	known[key, $4] = 1
	if (!(key in option_count))
		key_order[++key_count] = key
	n = ++option_count[key]
	names[key, n] = $4
	letters[key, n] = $5
	arguments[key, n] = $6
	helps[key, n] = $7
}

function words(key, valued,   i, list) {
	for (i = 1; i <= option_count[key]; i++)
		if (!valued || arguments[key, i] != "-")
			list = list (list == "" ? "" : " ") "--" names[key, i] (letters[key, i] != "-" ? " -" letters[key, i] : "")
	return list
}

function quoted(text) {
	gsub(/'/, "'\\''", text)
	return "'" text "'"
}

# A name of a kind of argument that the shell can complete: "file", "dir", or "".
function kind(argument) {
	if (argument ~ /^(DIR|PATH)$/)
		return argument == "DIR" ? "dir" : "file"
	return argument == "FILE" ? "file" : ""
}

function bash(   i, n) {
	print "# bash completion for basin, generated from its command table"
	print "_basin_words() {"
	print "\tcase $1 in"
	for (i = 1; i <= top_count; i++)
		if (top_order[i] in verbs)
			printf "\tverbs:%s) echo %s ;;\n", top_order[i], quoted(verbs[top_order[i]])
	for (i = 1; i <= key_count; i++) {
		printf "\t%s) echo %s ;;\n", quoted("options:" key_order[i]), quoted(words(key_order[i], 0) " --help")
		if (words(key_order[i], 1) != "")
			printf "\t%s) echo %s ;;\n", quoted("valued:" key_order[i]), quoted(words(key_order[i], 1))
	}
	printf "\ttop) echo '"
	for (i = 1; i <= top_count; i++)
		printf "%s%s", (i > 1 ? " " : ""), top_order[i]
	print "' ;;"
	print "\tesac"
	print "}"
	print "_basin() {"
	print "\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' top='' word i valued"
	print "\tfor ((i = 1; i < COMP_CWORD; i++)); do"
	print "\t\tword=${COMP_WORDS[i]}"
	print "\t\tvalued=\" $(_basin_words \"valued:$command\") \""
	print "\t\tcase $word in"
	print "\t\t-*) [[ $valued == *\" $word \"* ]] && ((i++)) ;;"
	print "\t\t*)"
	print "\t\t\tif [[ -z $top ]]; then"
	print "\t\t\t\ttop=$word command=$word"
	print "\t\t\telif [[ $command == \"$top\" && -n $(_basin_words \"verbs:$top\") ]]; then"
	print "\t\t\t\tcommand=\"$top $word\""
	print "\t\t\tfi ;;"
	print "\t\tesac"
	print "\tdone"
	print "\tvalued=\" $(_basin_words \"valued:$command\") \""
	print "\tif [[ $valued == *\" $previous \"* ]]; then"
	print "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")"
	print "\telif [[ $current == -* ]]; then"
	print "\t\tmapfile -t COMPREPLY < <(compgen -W \"$(_basin_words \"options:$command\")\" -- \"$current\")"
	print "\telif [[ -z $top ]]; then"
	print "\t\tmapfile -t COMPREPLY < <(compgen -W \"$(_basin_words top)\" -- \"$current\")"
	print "\telif [[ $command == \"$top\" && -n $(_basin_words \"verbs:$top\") ]]; then"
	print "\t\tmapfile -t COMPREPLY < <(compgen -W \"$(_basin_words \"verbs:$top\")\" -- \"$current\")"
	print "\telse"
	print "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")"
	print "\tfi"
	print "}"
	print "complete -o filenames -F _basin basin"
}

# [ and ] and : mean something to _arguments.
function zsh_text(text) {
	gsub(/[\[\]:]/, "\\\\&", text)
	return text
}

function zsh_option(key, i,   tail) {
	tail = "[" zsh_text(helps[key, i]) "]"
	if (arguments[key, i] != "-")
		tail = tail ":" zsh_text(arguments[key, i]) ":" (kind(arguments[key, i]) != "" ? "_files" : " ")
	printf "\t\t%s", quoted("*--" names[key, i] tail)
	if (letters[key, i] != "-")
		printf " %s", quoted("*-" letters[key, i] tail)
	print " \\"
}

function zsh_arguments(key, rest,   i) {
	print "\t\t_arguments -s \\"
	for (i = 1; i <= option_count[key]; i++)
		zsh_option(key, i)
	print "\t\t" quoted("--help[print help]") " " quoted(rest)
}

function zsh(   i, j, n, list) {
	print "#compdef basin"
	print "# zsh completion for basin, generated from its command table"
	print "_basin() {"
	print "\tlocal curcontext=$curcontext state line"
	print "\tlocal -a commands"
	print "\t_arguments -C \\"
	for (i = 1; i <= option_count[""]; i++)
		zsh_option("", i)
	print "\t\t'1: :->command' '*:: :->rest'"
	print "\tcase $state in"
	print "\tcommand)"
	print "\t\tcommands=("
	for (i = 1; i <= top_count; i++)
		print "\t\t\t" quoted(top_order[i] ":" zsh_text(tops[top_order[i]]))
	print "\t\t)"
	print "\t\t_describe command commands ;;"
	print "\trest) _basin_command $line[1] ;;"
	print "\tesac"
	print "}"
	print "_basin_command() {"
	print "\tlocal curcontext=$curcontext state line"
	print "\tlocal -a commands"
	print "\tcase $1 in"
	for (i = 1; i <= top_count; i++) {
		print "\t" top_order[i] ")"
		if (!(top_order[i] in verbs)) {
			zsh_arguments(top_order[i], "*:argument:_files")
			print "\t\t;;"
			continue
		}
		print "\t\tif ((CURRENT == 2)); then"
		print "\t\tcommands=("
		n = split(verbs[top_order[i]], list, " ")
		for (j = 1; j <= n; j++)
			print "\t\t\t" quoted(list[j] ":" zsh_text(summaries[top_order[i], list[j]]))
		print "\t\t)"
		print "\t\t_describe command commands"
		print "\t\telse shift words; ((CURRENT--)); case $words[1] in"
		for (j = 1; j <= n; j++) {
			print "\t\t" list[j] ")"
			zsh_arguments(top_order[i] " " list[j], "*:argument:_files")
			print "\t\t;;"
		}
		print "\t\tesac; fi ;;"
	}
	print "\tesac"
	print "}"
	print "_basin \"$@\""
}

function fish_option(key, i, condition,   line) {
	line = "complete -c basin -n " quoted(condition) " -l " names[key, i]
	if (letters[key, i] != "-")
		line = line " -s " letters[key, i]
	if (arguments[key, i] != "-")
		line = line (kind(arguments[key, i]) != "" ? " -r" : " -x")
	print line " -d " quoted(helps[key, i])
}

function fish(   i, j, n, list, key, parts) {
	print "# fish completion for basin, generated from its command table"
	print "complete -c basin -n __fish_use_subcommand -f"
	for (i = 1; i <= top_count; i++)
		print "complete -c basin -n __fish_use_subcommand -f -a " top_order[i] " -d " quoted(tops[top_order[i]])
	for (i = 1; i <= top_count; i++) {
		if (!(top_order[i] in verbs))
			continue
		n = split(verbs[top_order[i]], list, " ")
		for (j = 1; j <= n; j++)
			print "complete -c basin -f -n " \
				quoted("__fish_seen_subcommand_from " top_order[i] "; and not __fish_seen_subcommand_from " verbs[top_order[i]]) \
				" -a " list[j] " -d " quoted(summaries[top_order[i], list[j]])
	}
	for (i = 1; i <= key_count; i++) {
		key = key_order[i]
		n = split(key, parts, " ")
		for (j = 1; j <= option_count[key]; j++)
			fish_option(key, j, n == 0 ? "__fish_use_subcommand" : n == 1 ? "__fish_seen_subcommand_from " parts[1] : \
				"__fish_seen_subcommand_from " parts[1] "; and __fish_seen_subcommand_from " parts[2])
	}
}

END {
	if (shell == "bash")
		bash()
	else if (shell == "zsh")
		zsh()
	else if (shell == "fish")
		fish()
	else {
		print "generate.awk: -v shell=bash, zsh or fish" >"/dev/stderr"
		exit 2
	}
}
