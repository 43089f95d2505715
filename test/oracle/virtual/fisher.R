# The exact test of sipp.virtual_school_share against R's: fisher.test for one cell,
# mantelhaen.test(exact = TRUE) for several, among them cells of the same figures and pairs
# (McNemar's exact test).  Needs R alone.

psql <- Sys.getenv("PSQL", "psql")
dir <- tempfile("fisher")
dir.create(dir)
set.seed(20)

# one problem: a data frame of cells, the unit's pupils and successes and those of its pool
cells <- function(problem, own, ones, pool, others)
	data.frame(problem, cell = seq_along(own), own, ones, pool, others)

some <- function(problem)
{
	k <- c(1, 2, 3, 5, 8, 20, 60)[1 + problem %% 7]
	most <- c(2, 5, 12, 40)[1 + problem %/% 7 %% 4]
	own <- sample(most, k, TRUE)
	pool <- sample(2 * most, k, TRUE)
	p <- runif(1, .1, .9)
	cells(problem, own, rbinom(k, own, p), pool, rbinom(k, pool, runif(1, .1, .9)))
}

ucb <- function(problem, departments)
{
	n <- function(who) as.vector(apply(UCBAdmissions[, who, departments, drop = FALSE], 3, sum))
	yes <- function(who) as.vector(UCBAdmissions["Admitted", who, departments])
	cells(problem, n("Male"), yes("Male"), n("Female"), yes("Female"))
}

pairs <- function(problem)
{
	n <- 60
	cells(problem, rep(1, n), rbinom(n, 1, .7), rep(1, n), rbinom(n, 1, .5))
}

problems <- c(lapply(1:420, some), lapply(421:440, pairs),
			  lapply(1:6, function(d) ucb(440 + d, d)), list(ucb(447, 1:6)))
all <- do.call(rbind, problems)
csv <- file.path(dir, "cells.csv")
write.table(all, csv, sep = ",", row.names = FALSE, col.names = FALSE)
script <- file.path(dir, "script.sql")
writeLines(c(
	"CREATE TEMP TABLE c (problem int, cell int, own int, ones int, pool int, others int);",
	sprintf("\\copy c from '%s' csv", csv),
	"CREATE TEMP TABLE p AS SELECT problem, cell, mine, y, sipp.comparator(y, mine) OVER (PARTITION BY problem, cell) AS peers FROM (
	 SELECT problem, cell, true AS mine, i <= ones AS y FROM c, generate_series(1, own) i UNION ALL SELECT problem, cell, false, i <= others FROM c, generate_series(1, pool) i ORDER BY 4, 1) q;",
	# the other group as the unit has the same p-value; stored cells, whose successes are told
	"SELECT problem, (a).p_value AS ours, (b).p_value AS other, (s).p_value AS stored FROM
	 (SELECT problem, sipp.virtual_school_share(y, peers) FILTER (WHERE mine) AS a, sipp.virtual_school_share(y, peers) FILTER (WHERE NOT mine) AS b FROM p GROUP BY problem) x
	 JOIN (SELECT problem, sipp.virtual_school_share(y, sipp.peers(cohort, own, ones)) AS s FROM p JOIN c USING (problem, cell)
		   JOIN (SELECT problem, cell, sipp.cohort(y) AS cohort FROM p WHERE NOT mine GROUP BY problem, cell) o USING (problem, cell) WHERE mine GROUP BY problem) y USING (problem) ORDER BY problem;"),
	script)
out <- file.path(dir, "out.csv")
if (system2(psql, c("-X", "-q", "--csv", "-v", "ON_ERROR_STOP=1", "-o", shQuote(out), "-f", shQuote(script))) != 0)
	stop("psql failed")
ours <- read.csv(out)

theirs <- sapply(problems, function(x)
{
	tables <- array(rbind(x$ones, x$own - x$ones, x$others, x$pool - x$others), c(2, 2, nrow(x)))
	if (nrow(x) == 1)
		fisher.test(matrix(tables, 2))$p.value
	else if (any(apply(tables, 1, sum) == 0))
		1	# all succeed, or none, which mantelhaen.test refuses
	else
		mantelhaen.test(tables, exact = TRUE)$p.value
})

report <- function(what, ok, figure)
	cat(if (isTRUE(ok)) "ok    " else "FAILED", what, figure, "\n")
apart <- function(a, b) max(abs(a - b) / b)

one <- sapply(problems, nrow) == 1
same <- sapply(problems, function(x) anyDuplicated(x[, c("own", "pool", "others", "ones")]) > 0)
report("p_value of one cell, fisher.test:", apart(ours$ours[one], theirs[one]) < 1e-9, format(apart(ours$ours[one], theirs[one])))
report("p_value of several cells, mantelhaen.test:", apart(ours$ours[!one], theirs[!one]) < 1e-9, format(apart(ours$ours[!one], theirs[!one])))
report("the same where cells have the same figures:", sum(same) > 50 && apart(ours$ours[same], theirs[same]) < 1e-9, paste(sum(same), "problems"))
report("of the other group:", apart(ours$other, theirs) < 1e-9, format(apart(ours$other, theirs)))
report("of stored cells:", apart(ours$stored, theirs) < 1e-9, format(apart(ours$stored, theirs)))
report("admissions, department C: 0.3866166", abs(ours$ours[443] - 0.3866166) < 5e-8, format(ours$ours[443], digits = 8))
report("admissions, all six departments: 0.2277625", abs(ours$ours[447] - 0.2277625) < 5e-8, format(ours$ours[447], digits = 8))
mcnemar <- sapply(problems[421:440], function(x) binom.test(sum(x$ones > x$others), sum(x$ones != x$others))$p.value)
report("of pairs, McNemar's exact test:", apart(ours$ours[421:440], mcnemar) < 1e-9, format(apart(ours$ours[421:440], mcnemar)))
report("negative control, twice the smaller tail of admissions C", abs(ours$ours[443] - 0.4258) > .01, "")
