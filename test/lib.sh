# shellcheck shell=bash
#
# What the scripts in test/ share: packages, a private copy of the server, a
# build out of the clone, a throwaway cluster, progress, and cleaning up.
#
# A script sources this file and calls, in this order,
#
#	find_server; need_packages ...; make_work; copy_server; copy_source;
#	build; start_cluster
#
# after which $psql, PGHOST, PGPORT, PGUSER and as_user are there to be used.
# Whatever happens then, the EXIT trap stops all that was started and removes
# the temporary directory.
#
# Nothing here writes into the clone, into an installed PostgreSQL or into a
# running one: the server's files are copied below the temporary directory
# (PostgreSQL finds its files relative to the program), the extension is
# installed into that copy, and the cluster listens on a Unix socket only,
# unless open_port is called.
#
# Tests in test/t are PostgreSQL::Test scripts, run by "make tapcheck" with
# the private server's bin directory first in PATH.  They name their nodes
# freely, start them themselves, and find the tree at the current directory.

set -euo pipefail
umask 022

# Below this one the extension does not build.
min_major=15

clone=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
started=$(date +%s)
work=			# the temporary directory
keep=			# set: leave the cluster running at the end
major=			# the server's major version, "" if PG_CONFIG was given
run_user=		# who runs the server, "" for ourselves
run_group=
bindir=			# the copied server's programs
src=			# the copied clone
make_arguments=()	# for building it
job=			# the running step's process group
job_must_end=	# set: that step must not be killed (dpkg)
ticker=			# the process that shows the time of the running step
root_cmd=()		# what to put before a command that needs root
no_cluster=		# our file that keeps a default cluster from being created
log=			# the last step's output
titles=1		# set: a step's title is shown when it begins, too

say()
{
	printf '%s\n' "$@"
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# The comment at the head of the script that sources this file.
usage()
{
	sed -n '3,/^$/{/^$/d; s/^# //; s/^#//; p}' "$0"
}

# ---------------------------------------------------------------------------
# Steps, with progress
# ---------------------------------------------------------------------------

# One line on the terminal: what runs, for how long, and its last output.
tick()
{
	local title=$1 start=$SECONDS line width
	sleep 2
	while :; do
		line=$(tail -n 1 "$log" 2>/dev/null | tr -cd '[:print:]') || line=
		width=$(tput cols 2>/dev/null) || width=80
		line="$title: $((SECONDS - start)) s  $line"
		printf '\r\033[K%s' "${line:0:width-1}"
		sleep 1
	done
}

# try TITLE COMMAND...: runs the command with its output in $log, returns its
# status.  It is a process group of its own, which cleanup can kill, and the
# wait for it gives way to a signal at once.
try()
{
	local title=$1 start=$SECONDS status=0 dir=${work:-}
	shift
	if [[ $dir ]]; then
		log=$(mktemp "$dir/log/XXXXXX")
	elif [[ ! $log ]]; then
		log=$(mktemp)
		first_log=$log
	fi
	if [[ -t 1 ]]; then
		printf '%s\r' "$title"
		tick "$title" &
		ticker=$!
	elif [[ $titles ]]; then
		say "$title"
	fi
	set -m
	( set +m; "$@" ) >"$log" 2>&1 </dev/null &
	job=$!
	set +m
	wait "$job" || status=$?
	job=
	if [[ $ticker ]]; then
		kill "$ticker" 2>/dev/null || :
		wait "$ticker" 2>/dev/null || :
		ticker=
		printf '\r\033[K'
	fi
	if ((SECONDS - start >= 2)); then
		say "$title: $((SECONDS - start)) s"
	elif [[ -t 1 ]]; then
		say "$title"
	fi
	return "$status"
}
first_log=

# step TITLE COMMAND...: the same, and a failure ends the script.
step()
{
	local status=0
	try "$@" || status=$?
	if ((status)); then
		show_log
		die "$1: failed (exit code $status)"
	fi
}

show_log()
{
	tail -n "${1:-40}" "$log" | sed 's/^/  | /'
}

# ---------------------------------------------------------------------------
# Cleaning up
# ---------------------------------------------------------------------------

# The processes that run from our temporary directory or were started by
# as_user; the server overwrites its environment, so both ways are needed.
our_processes()
{
	local dir exe
	for dir in /proc/[0-9]*; do
		exe=$(readlink "$dir/exe" 2>/dev/null) || continue
		if [[ $exe == "$work"/* ]] ||
			grep -qszx "SIPP_WORK=$work" "$dir/environ" 2>/dev/null; then
			printf '%s ' "${dir#/proc/}"
		fi
	done
}

# A server that dies in the hands of initdb leaves its shared memory segment.
# Ours are those that the same user made since we started and nobody uses.
remove_segments()
{
	awk -v "uid=${run_user:-$EUID}" -v "start=$started" \
		'$8 == uid && $7 == 0 && $14 >= start && system("test -d /proc/" $5) { print $2 }' \
		/proc/sysvipc/shm 2>/dev/null | xargs -r -n 1 ipcrm -m 2>/dev/null
}

# The server's immediate shutdown is SIGQUIT; whoever is left after five
# seconds is killed.
stop_processes()
{
	local pid pids end=$((SECONDS + 5))
	pids=$(our_processes)
	for pid in $pids; do
		if [[ $(readlink "/proc/$pid/exe") == */postgres ]]; then
			kill -QUIT "$pid" 2>/dev/null || :
		else
			kill -TERM "$pid" 2>/dev/null || :
		fi
	done
	# not by the number of looks, which take long on a busy machine
	while [[ $pids ]] && ((SECONDS < end)); do
		sleep 0.1
		pids=$(our_processes)
	done
	# shellcheck disable=SC2086
	[[ ! $pids ]] || kill -KILL $pids 2>/dev/null || :
}

# The running step, which gets five seconds.
stop_job()
{
	local i
	kill -TERM -- "-$job" 2>/dev/null || :
	for i in {1..50}; do
		kill -0 -- "-$job" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -KILL -- "-$job" 2>/dev/null || :
}

# What else a script wants done at its end.
at_exit()
{
	:
}

cleanup()
{
	local status=$?
	trap '' INT TERM HUP PIPE
	set +e
	if [[ $ticker ]]; then
		kill "$ticker" 2>/dev/null
		printf '\r\033[K'
	fi
	if [[ $job ]]; then
		if [[ $job_must_end ]]; then
			say "waiting for apt-get to end"
			wait "$job"
		else
			stop_job
		fi
	fi
	at_exit
	allow_cluster
	if [[ $work && ! $keep ]]; then
		stop_processes
		remove_segments
		cd /
		rm -rf "$work" 2>/dev/null ||
			{ chmod -R u+rwX "$work"; rm -rf "$work"; }
	fi
	[[ ! $first_log ]] || rm -f "$first_log"
	exit "$status"
}

trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

# ---------------------------------------------------------------------------
# Packages
# ---------------------------------------------------------------------------

# Debian's server package creates and starts a cluster.  This file prevents it
# for as long as we install, and leaves an administrator's settings alone.
forbid_cluster()
{
	local dir=/etc/postgresql-common/createcluster.d
	no_cluster=$dir/zz-sipp-$$.conf
	"${root_cmd[@]}" mkdir -p "$dir"
	printf '%s\n' '# Temporary, while the tests of sipp install packages.' \
		'create_main_cluster = false' |
		"${root_cmd[@]}" tee "$no_cluster" >/dev/null
}

allow_cluster()
{
	[[ $no_cluster ]] || return 0
	"${root_cmd[@]}" rm -f "$no_cluster"
	"${root_cmd[@]}" rmdir --ignore-fail-on-non-empty "${no_cluster%/*}" 2>/dev/null || :
	no_cluster=
}

is_installed()
{
	[[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

has_candidate()
{
	apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

# Waits for another apt-get or dpkg, asks nothing, restarts nothing.
apt_get()
{
	"${root_cmd[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
		apt-get -y -q -o DPkg::Lock::Timeout=900 "$@"
}

# apt has a time-out for dpkg's lock, but none for that of its own lists.
apt_update()
{
	local i output
	for i in {1..60}; do
		if output=$(apt_get update 2>&1); then
			return 0
		fi
		printf '%s\n' "$output"
		[[ $output == *lists/lock* ]] || return 1
		sleep 2
	done
	return 1
}

# Package names go in here, nothing else: what is installed is not upgraded.
apt_install()
{
	apt_get install --no-install-recommends "$@" ||
		{ apt_update && apt_get install --no-install-recommends "$@"; }
}

# How to become root; false if there is no way.
find_root()
{
	if ((EUID == 0)); then
		root_cmd=()
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		root_cmd=(sudo -n)
	elif [[ -t 0 ]] && command -v sudo >/dev/null && sudo -v; then
		root_cmd=(sudo -n)
	else
		return 1
	fi
}

missing_packages()
{
	local package
	for package; do
		is_installed "$package" || printf '%s ' "$package"
	done
}

install_packages()
{
	local package update=
	job_must_end=1
	for package; do
		has_candidate "$package" || update=1
	done
	if [[ $update ]]; then
		try "apt-get update" apt_update || show_log 5
	fi
	if [[ " $* " =~ \ postgresql-[0-9]+\ |\ postgresql\  ]]; then
		forbid_cluster
		# postgresql-common first, to see whether it heeds our file
		if ! is_installed postgresql-common; then
			try "installing postgresql-common" apt_install postgresql-common || return 1
		fi
		if [[ $(pg_conftool -bs /etc/postgresql-common/createcluster.conf \
			show create_main_cluster 2>/dev/null) != off ]]; then
			die "installing the server would create a cluster: put" \
				"create_main_cluster = false into /etc/postgresql-common/createcluster.conf"
		fi
	fi
	try "installing $*" apt_install "$@" || return 1
	allow_cluster
	job_must_end=
}

# need_packages PACKAGE...: installs what is missing, or says how and stops.
need_packages()
{
	local missing
	command -v dpkg-query >/dev/null || return 0	# not Debian: make will tell
	missing=$(missing_packages "$@")
	missing=${missing% }
	[[ $missing ]] || return 0
	if ! find_root; then
		printf '%s\n' "${0##*/}: these packages are missing: $missing" \
			"Run as root, or install them yourself:" "" >&2
		if [[ " $missing " =~ \ postgresql-[0-9]+\ |\ postgresql\  ]]; then
			printf '%s\n' "  # without a default cluster" \
				"  sudo mkdir -p /etc/postgresql-common/createcluster.d" \
				"  echo 'create_main_cluster = false' | sudo tee /etc/postgresql-common/createcluster.d/no-cluster.conf" >&2
		fi
		printf '%s\n' "  sudo apt-get install --no-install-recommends $missing" >&2
		exit 1
	fi
	# shellcheck disable=SC2086
	install_packages $missing || { show_log; die "could not install: $missing"; }
}

# want_packages PACKAGE...: the same for what one can do without; false, with a
# word about it, if it cannot be had.
want_packages()
{
	local missing
	command -v dpkg-query >/dev/null || return 0
	missing=$(missing_packages "$@")
	missing=${missing% }
	[[ $missing ]] || return 0
	if find_root; then
		# shellcheck disable=SC2086
		install_packages $missing && return 0
		job_must_end=
		show_log 5
	fi
	say "going on without: $missing (sudo apt-get install --no-install-recommends $missing)"
	return 1
}

# Sets pg_config, and server_packages where they must be installed first.  In
# this order: PG_CONFIG from the environment; the newest version installed with
# its headers; the distribution's own.
find_server()
{
	local dir
	server_packages=()
	if [[ ${PG_CONFIG:-} ]]; then
		pg_config=$(command -v "$PG_CONFIG") || die "PG_CONFIG=$PG_CONFIG is not a program"
		return 0
	fi
	for dir in $(printf '%s\n' /usr/lib/postgresql/*/ | sort -rV); do
		dir=${dir%/}
		if [[ -x $dir/bin/postgres && -x $dir/bin/pg_config &&
			-e $dir/lib/pgxs/src/makefiles/pgxs.mk ]] &&
			((${dir##*/} >= min_major)); then
			major=${dir##*/}
			break
		fi
	done
	if [[ ! $major ]]; then
		command -v apt-cache >/dev/null || die "found no PostgreSQL server: set PG_CONFIG"
		if ! has_candidate postgresql && find_root; then
			job_must_end=1
			try "apt-get update" apt_update || show_log 5
			job_must_end=
		fi
		major=$(apt-cache --important depends postgresql 2>/dev/null |
			sed -n 's/^[ |]*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
		if [[ ! $major ]]; then
			# package lists never fetched, and no way to: the names that fit any release
			server_packages=(postgresql postgresql-server-dev-all)
			return 0
		fi
		((major >= min_major)) ||
			die "the distribution's PostgreSQL $major is too old: set PG_CONFIG to version $min_major or later"
	fi
	# shellcheck disable=SC2034
	server_packages=("postgresql-$major" "postgresql-server-dev-$major")
	pg_config=/usr/lib/postgresql/$major/bin/pg_config
}

# What the scripts ask for, besides the server; prove comes with perl.
# shellcheck disable=SC2034
{
	build_packages=(gcc libc6-dev make)
	tap_packages=(perl libipc-run-perl)
	python_packages=(python3-mpmath python3-scipy python3-numpy)
	r_packages=(r-base-core r-cran-lme4 r-cran-matchit r-cran-mlmrev r-cran-survey)
}

# ---------------------------------------------------------------------------
# The temporary directory, the server's copy, the build
# ---------------------------------------------------------------------------

# Runs a command as the ordinary user, in a clean environment.  The directory
# of the system's programs comes before /usr/local: Debian's Python modules
# belong to Debian's Python.
as_user()
(
	drop=()
	if [[ $run_user ]]; then
		drop=(setpriv "--reuid=$run_user" "--regid=$run_group" --clear-groups)
	fi
	cd "$work"
	exec "${drop[@]}" env -i \
		PATH="${bindir:+$bindir:}/usr/bin:/bin:/usr/local/bin:/usr/sbin:/sbin" \
		HOME="$work/home" TMPDIR="$work/tmp" SIPP_WORK="$work" \
		LC_ALL=C.UTF-8 TERM="${TERM:-dumb}" TZ=UTC \
		${PGHOST:+"PGHOST=$PGHOST"} ${PGPORT:+"PGPORT=$PGPORT"} \
		${PGUSER:+"PGUSER=$PGUSER"} ${bindir:+"PG_CONFIG=$bindir/pg_config"} \
		"$@"
)

# A directory that the ordinary user can reach and run programs in, with a
# path short enough for Unix sockets (107 bytes) in subdirectories, and without
# the characters that make, which gets it from PGXS, cannot have in a path.
make_work()
{
	local base user
	unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGSERVICE PGOPTIONS
	for base in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
		base=$(cd "$base" 2>/dev/null && pwd -P) || continue
		[[ $base =~ ^[A-Za-z0-9/._+-]{0,40}$ ]] || continue
		work=$(mktemp -d "$base/sipp.XXXXXX" 2>/dev/null) || { work=; continue; }
		mkdir "$work"/{home,tmp,log,src,pg,socket}
		cp /bin/true "$work/home/try"
		# Not postgres, if it can be helped: that one owns the machine's real
		# clusters, and a test gone wrong could reach them.
		for user in nobody postgres; do
			run_user=
			if ((EUID == 0)); then
				run_user=$(id -u "$user" 2>/dev/null) || continue
				run_group=$(id -g "$user")
				chown -R "$run_user:$run_group" "$work"
			fi
			if as_user "$work/home/try" 2>/dev/null; then
				return 0
			fi
			((EUID == 0)) || break
		done
		rm -rf "$work"
		work=
	done
	die "found no directory for temporary files that an ordinary user can run programs in: set TMPDIR"
}

# Programs, libraries, shared files and headers, each at its own place below
# $work/pg.  The ordinary user writes them, who thereby owns them and may
# install.  What cannot be read is left out, with a warning: another extension's
# files, installed with a tight umask, are not needed, and whatever is needed will
# be missed by name.
copy_server_files()
{
	local what dir
	for what in bindir pkglibdir sharedir pkgincludedir; do
		dir=$("$pg_config" "--$what")
		if [[ ! -e $work/pg$dir ]]; then
			tar -C / --mode=u+rwX --ignore-failed-read -cf - ".$dir" |
				as_user tar -C "$work/pg" -xf - || return 1
		fi
	done
}

copy_server()
{
	pg_config=${pg_config:-$(printf '%s\n' /usr/lib/postgresql/*/bin/pg_config | sort -V | tail -n 1)}
	[[ -x $pg_config ]] || die "there is no $pg_config"
	[[ -e $("$pg_config" --pgxs) ]] || die "$pg_config: its server headers are not installed"
	step "copying $("$pg_config" --version)" copy_server_files
	bindir=$work/pg$("$pg_config" --bindir)
	[[ $(as_user "$bindir/pg_config" --bindir) == "$bindir" ]] ||
		die "this build of PostgreSQL cannot be copied to another directory"
}

# Only root may be able to read the clone, hence the pipe; and it may be read-only.
copy_source_files()
{
	tar -C "$clone" --mode=u+rwX --anchored --exclude=./.git --exclude=./results \
		--exclude=./tmp_check --exclude='./regression.*' --exclude='./sipp--*' \
		--no-anchored --exclude='*.o' --exclude='*.bc' --exclude='*.so' -cf - . |
		as_user tar -C "$work/src" -xf -
}

copy_source()
{
	step "copying the sources" copy_source_files
	src=$work/src
}

# Makes and installs into the private server.
build()
{
	local arguments=(-C "$src" "PG_CONFIG=$bindir/pg_config" "${make_arguments[@]}")
	try "building sipp" as_user make -s -j "$(nproc)" "${arguments[@]}" &&
		try "installing it into the copy of the server" as_user make "${arguments[@]}" install
}

# Does somebody listen on this port, at any address?
port_taken()
{
	grep -qis ":$(printf '%04X' "$1") [0-9A-F:]* 0A" /proc/net/tcp /proc/net/tcp6
}

# A port that nobody listens on.  Only the socket's name depends on it.
free_port()
{
	local port
	while port=$((50000 + RANDOM % 10000)) && port_taken "$port"; do
		:
	done
	echo "$port"
}

# initdb_cluster DIRECTORY [INITDB ARGUMENT...]
initdb_cluster()
{
	as_user "$bindir/initdb" -D "$1" "${@:2}" -U postgres --auth-local=trust --auth-host=scram-sha-256 \
		--locale=C.UTF-8 --encoding=UTF8 --no-sync --no-instructions || return 1
	as_user tee -a "$1/postgresql.conf" >/dev/null <<-END
		listen_addresses = ''
		unix_socket_directories = '$PGHOST'
		port = $PGPORT
		fsync = off
		full_page_writes = off
		synchronous_commit = off
		max_wal_size = '4GB'
		log_checkpoints = off
	END
}

# The cluster; its only door is a socket in a directory that no other user can
# enter.
start_cluster()
{
	export PGHOST=$work/socket PGPORT PGUSER=postgres
	PGPORT=$(free_port)
	chmod 700 "$work"
	psql=(as_user "$bindir/psql" -X -q)
	step "creating a cluster" initdb_cluster "$work/data"
	step "starting it" as_user "$bindir/pg_ctl" -D "$work/data" -w -l "$work/data/server.log" start
}

# open_port PORT: a second door, on 127.0.0.1 only, for programs that know no
# Unix sockets.  Every user of the machine can knock at it, and postgres may run
# programs, so it takes a password, which $password then holds.
open_port()
{
	password=$(od -An -N 16 -t x1 /dev/urandom | tr -d ' \n')
	try "opening port $1 of 127.0.0.1" move_to_port "$1" || return 1
	PGPORT=$1
}

# The password goes through a pipe, because everybody sees a command's arguments.
move_to_port()
{
	"${psql[@]}" -d postgres -v ON_ERROR_STOP=1 -f - <<-END || return 1
		ALTER ROLE postgres PASSWORD '$password';
		ALTER SYSTEM SET listen_addresses = '127.0.0.1';
		ALTER SYSTEM SET port = $1;
	END
	as_user "$bindir/pg_ctl" -D "$work/data" -w -m fast -l "$work/data/server.log" restart ||
		{ tail -n 5 "$work/data/server.log"; return 1; }
}

# create_database NAME [CREATEDB ARGUMENT...]: sessions in it find the
# warehouse's tables by their bare names.
create_database()
{
	as_user "$bindir/createdb" "$@" &&
		"${psql[@]}" -d "$1" -c "ALTER DATABASE \"$1\" SET search_path = warehouse, public"
}

# ---------------------------------------------------------------------------
# The warehouse
# ---------------------------------------------------------------------------

# The manuals, in the order in which their examples run: each may use what those
# before it made.
# shellcheck disable=SC2034
manuals=(README.md src/{adjust,virtual,plan,group,num}/README.md src/README.md test/README.md)

# load_warehouse DATABASE [SCALE [SEED]]: "" or nothing for the generator's own
load_warehouse()
{
	local settings=()
	[[ ! ${2:-} ]] || settings+=(-v "scale=$2")
	[[ ! ${3:-} ]] || settings+=(-v "seed=$3")
	create_database "$1"
	try "generating a nation's pupils" "${psql[@]}" -d "$1" \
		-v ON_ERROR_STOP=1 "${settings[@]}" -f "$src/test/warehouse/generate.sql"
}

# make_pages NATION: database "pages", in which the demo's pages can run: a copy
# of NATION with the extension in it.  So NATION stays as generated, and the
# manuals' examples, which make tables of the same names, run in it as written.
make_pages()
{
	create_database pages -T "$1" && "${psql[@]}" -d pages -c 'CREATE EXTENSION sipp'
}

# run_page FILE SCOTSSEC [PSQL ARGUMENT...]: SCOTSSEC is 1 where there is a table
# of that name, else 0.
run_page()
{
	"${psql[@]}" -d pages -v ON_ERROR_STOP=1 -v "scotssec=$2" "${@:3}" -f "$1"
}

# Table scotssec in database "pages": the pupils of 19 Scottish secondaries, from
# R's mlmRev.  False where R cannot be had.
load_scotssec()
{
	want_packages r-base-core r-cran-mlmrev && command -v Rscript >/dev/null &&
		try "loading ScotsSec from R's mlmRev" copy_scotssec
}

copy_scotssec()
{
	as_user Rscript -e 'data(ScotsSec, package = "mlmRev")' \
		-e 'write.csv(ScotsSec, "home/scotssec.csv", row.names = FALSE)' &&
		# in the order that the data set has its columns
		"${psql[@]}" -d pages -v ON_ERROR_STOP=1 \
			-c 'CREATE TABLE scotssec (verbal float8, attain float8,
				primary_school text, sex text, social float8, second text)' \
			-c '\copy scotssec FROM home/scotssec.csv (FORMAT csv, HEADER)' \
			-c 'ANALYZE scotssec'
}
