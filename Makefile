# sipp: build with PGXS.
#
#   make && make install            with the first pg_config in PATH
#   make PG_CONFIG=/path/pg_config  with another one
#   make with_llvm=no install DESTDIR=/tmp/sipp
#                                   the three files that another machine needs
#   make uninstall                  after DROP EXTENSION in each database
#   make installcheck               regression tests, in a running server
#   make tapcheck                   TAP tests, which start servers of their own
#
# Out of tree: make -f /path/to/sipp/Makefile, in an empty directory.

EXTENSION = sipp
MODULE_big = sipp
PGFILEDESC = "sipp - deprivation-adjusted attainment, virtual schools, school pairings"

# The rooms, in order of dependency.  Each holds its C, its headers and its
# SQL (src/<room>/<room>.sql; num and assign, plain C, and base have none).
ROOMS = num assign base cohort adjust virtual school similar score plan group

# Where this Makefile lies.  PGXS works out the same thing as srcdir, but only
# once it is included, and the lists below are needed before.
root := $(patsubst %/,%,$(or $(VPATH),$(dir $(firstword $(MAKEFILE_LIST)))))

sources := $(wildcard $(root)/src/*.c $(foreach room,$(ROOMS),$(root)/src/$(room)/*.c))
headers := $(wildcard $(root)/src/*.h $(foreach room,$(ROOMS),$(root)/src/$(room)/*.h))
OBJS = $(patsubst $(root)/%.c,%.o,$(sources))

# The install script is src/sipp.sql followed by each room's SQL.
version := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(root)/sipp.control)
install_script = sipp--$(version).sql
install_sql := $(root)/src/sipp.sql \
	$(wildcard $(foreach room,$(ROOMS),$(root)/src/$(room)/$(room).sql))
DATA_built = $(install_script)
DATA = $(patsubst $(root)/%,%,$(wildcard $(root)/src/update/sipp--*--*.sql))

# Regression tests: those of each room, <room>.sql before <room>_<subject>.sql,
# in the rooms' order; then the rest.
tests := $(patsubst $(root)/sql/%.sql,%,$(wildcard $(root)/sql/*.sql))
room_tests := $(foreach room,$(ROOMS),$(filter $(room),$(tests)) $(sort $(filter $(room)_%,$(tests))))
REGRESS := $(strip $(room_tests) $(sort $(filter-out $(room_tests),$(tests))))
REGRESS_OPTS = --load-extension=sipp

# -ffp-contract=off: no fused multiply-add, so that a figure does not depend
# on the machine or on JIT.  It stands in PG_CPPFLAGS because PG_CFLAGS does
# not reach the LLVM bitcode.
PG_CPPFLAGS = -I$(root)/src -ffp-contract=off

# Unused parameters abound in the server's own headers and calling convention.
WARNINGS = -Wall -Wextra -Wno-unused-parameter
PG_CFLAGS = $(WARNINGS)

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# clang gives its opinion too, as strictly as COPT asks of the other compiler.
BITCODE_CFLAGS += $(WARNINGS) $(filter -W%,$(COPT))

# PGXS tracks no dependencies: rebuild everything when a header changes.  The
# directories are absolute, or an out-of-tree build would find the sources' own.
objects = $(OBJS) $(OBJS:.o=.bc)
directories = $(patsubst %/,%,$(sort $(dir $(addprefix $(CURDIR)/,$(OBJS)))))
$(objects): $(headers) $(root)/Makefile | $(directories)
$(directories):
	mkdir -p $@

$(install_script): $(install_sql) $(root)/sipp.control $(root)/Makefile
	cat $(install_sql) > $@.new
	mv $@.new $@

# The server and its users read what is installed, whatever umask the installing
# user has.  PGXS gives files their modes, but not directories and not the index
# of the bitcode.
install: .SHELLFLAGS = -c 'umask 022; eval "$$1"' sh

# PGXS's own way to run TAP tests; the path is relative to this Makefile.
tapcheck: PROVE_TESTS = test/t/*.pl
tapcheck:
	$(prove_installcheck)

# The manuals are all called README.md, and PGXS's DOCS installs files by their
# last names into one directory.  So they get names of their own here, and their
# links to each other follow.
manuals := README.md $(patsubst $(root)/%,%,$(sort $(wildcard $(root)/src/README.md \
	$(root)/src/*/README.md))) test/README.md
docs_dir = $(DESTDIR)$(docdir)/$(docmoduledir)
doc_name = README.sipp$(if $(filter-out .,$(patsubst %/,%,$(dir $(1)))),-$(lastword $(subst /, ,$(dir $(1))))).md

install: install_docs
install_docs:
	$(MKDIR_P) '$(docs_dir)'
	$(foreach m,$(manuals),sed $(manual_links) $(root)/$(m) > '$(docs_dir)/$(call doc_name,$(m))' && \
		chmod 644 '$(docs_dir)/$(call doc_name,$(m))' &&) true
uninstall: uninstall_docs
uninstall_docs:
	rm -f $(foreach m,$(manuals),'$(docs_dir)/$(call doc_name,$(m))')

# In a room's manual ../README.md is that of src, in those of src and test it is
# the one of the root.
manual_links = \
	-e 's,](\(\.\./\)*\(src/\)*\([a-z]*\)/README\.md,](README.sipp-\3.md,g' \
	-e 's,](\.\./\.\./README\.md,](README.sipp.md,g' \
	-e 's,](\.\./README\.md,](README.sipp$(if $(filter src/%/README.md,$(m)),-src).md,g'

EXTRA_CLEAN += $(install_script).new tmp_check

.PHONY: tapcheck install_docs uninstall_docs
