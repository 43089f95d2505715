# sipp against MatchIt on lalonde: the treated are the school that is judged, the
# others its pool.  Exact matching is sipp.comparator, whose partitions are MatchIt's
# subclasses; nearest-neighbour matching with replacement is
# sipp.nearest_comparator.  Standard errors, which MatchIt does not have, are
# computed here from its subclasses and match matrix.

suppressMessages(library(MatchIt))

psql <- Sys.getenv("SIPP_PSQL")
dir <- Sys.getenv("SIPP_DIR")
passed <- 0
failed <- 0

# --- the database ----------------------------------------------------------

run_psql <- function(...)
{
	status <- system2(psql, c("-X", "-q", "-v", "ON_ERROR_STOP=1", ...))
	if (status != 0)
		stop("psql failed")
}

query <- function(sql)
{
	file <- tempfile(tmpdir = dir)
	out <- tempfile(tmpdir = dir)
	writeLines(sql, file)
	run_psql("--csv", "-o", shQuote(out), "-f", shQuote(file))
	read.csv(out, stringsAsFactors = FALSE, na.strings = "")
}

# A data frame as a table: numbers exact, the rest as text.
export <- function(data, table)
{
	types <- sapply(data, function(x) if (is.numeric(x)) "float8" else "text")
	for (k in names(data))
		data[[k]] <- if (is.numeric(data[[k]])) sprintf("%.17g", data[[k]]) else as.character(data[[k]])
	csv <- file.path(dir, "data.csv")
	write.csv(data, csv, row.names = FALSE, quote = FALSE)
	columns <- paste0('"', names(data), '" ', types, collapse = ", ")
	sql <- tempfile(tmpdir = dir)
	writeLines(c(sprintf("DROP TABLE IF EXISTS %s;", table),
				 sprintf("CREATE TABLE %s (%s);", table, columns),
				 sprintf("\\copy %s from '%s' csv header", table, csv)), sql)
	run_psql("-f", shQuote(sql))
}

# --- verdicts --------------------------------------------------------------

check <- function(ok, what, figure = "")
{
	ok <- isTRUE(ok)
	if (ok) passed <<- passed + 1 else failed <<- failed + 1
	cat(if (ok) "ok      " else "NOT OK  ", what, if (nzchar(figure)) paste0("  (", figure, ")"), "\n", sep = "")
}

# Largest difference, each relative to its own figure or to scale; NA equals NA.
close_to <- function(a, b, tol, what, scale = 0)
{
	a <- as.numeric(a)
	b <- as.numeric(b)
	d <- if (length(a) != length(b) || length(a) == 0 || any(is.na(a) != is.na(b))) Inf
		else max(0, (abs(a - b) / pmax(abs(b), scale, 1e-300))[!is.na(b)])
	check(d <= tol, what, sprintf("%d figures, %.1e, allowed %.0e", length(b), d, tol))
}

tol <- 1e-11

# --- the data --------------------------------------------------------------

data(lalonde, package = "MatchIt")
lalonde$id <- seq_len(nrow(lalonde))
lalonde$race <- as.character(lalonde$race)
# yes or no, and not matched on
lalonde$no74 <- as.integer(lalonde$re74 == 0)
set.seed(20)
ps <- fitted(glm(treat ~ age + educ + re74 + re75, binomial, lalonde))
# no two distances are equal
for (k in 1:3)
	lalonde[[paste0("score", k)]] <- ps + k * rnorm(nrow(lalonde), 0, .01)
# tells pools apart: equal means of this are equal pools
lalonde$mark <- runif(nrow(lalonde))
export(lalonde, "lalonde")

# --- exact matching --------------------------------------------------------

binary <- c("married", "nodegree", "no74")
numeric <- c("age", "educ", "re74", "re75")

# What sipp says of the treated, matched on these columns.
benchmark <- function(cells, outcome = "re78")
	query(sprintf("SELECT b.* FROM (SELECT treat, sipp.virtual_school(%1$s, peer) AS v
		FROM (SELECT treat, %1$s, sipp.comparator(%1$s, treat) OVER (PARTITION BY %2$s) AS peer FROM lalonde) p
		GROUP BY treat) s, LATERAL (SELECT (s.v).*) b WHERE treat = 1", outcome, paste(cells, collapse = ", ")))

# kind: how it is given to sipp
balance <- function(cells, x, kind)
	query(sprintf("SELECT b.* FROM (SELECT treat, sipp.balance(x, peer) AS v
		FROM (SELECT treat, x, sipp.comparator(x, treat) OVER (PARTITION BY %2$s) AS peer
			  FROM (SELECT treat, %1$s AS x, %2$s FROM lalonde OFFSET 0) l) p
		GROUP BY treat) s, LATERAL (SELECT (s.v).*) b WHERE treat = 1",
		if (kind == "boolean") sprintf("%s <> 0", x) else x, paste(cells, collapse = ", ")))

compare_exact <- function(name, cells)
{
	m <- matchit(reformulate(cells, "treat"), lalonde, method = "exact")
	w <- m$weights
	treated <- lalonde$treat == 1 & w > 0
	control <- lalonde$treat == 0 & w > 0
	y <- lalonde$re78
	s <- benchmark(cells)

	check(s$pupils == sum(lalonde$treat) && s$matched == sum(treated) && s$unmatched == sum(lalonde$treat == 1 & w == 0),
		  paste0(name, ": treated, matched, unmatched"), paste(s$pupils, s$matched, s$unmatched))
	close_to(s$actual, mean(y[treated]), tol, paste0(name, ": mean of the matched"))
	close_to(s$virtual, weighted.mean(y[control], w[control]), tol, paste0(name, ": mean of their pools"))
	fit <- lm(re78 ~ treat, lalonde, weights = w, subset = w > 0)
	close_to(s$difference, coef(fit)[["treat"]], tol, paste0(name, ": estimate"), scale = s$actual)
	close_to(s$ess, summary(m)$nn["Matched (ESS)", "Control"], tol, paste0(name, ": effective sample size"))

	# cell by cell, from MatchIt's subclasses
	n_c <- tapply(treated, m$subclass, sum)
	N_c <- tapply(control, m$subclass, sum)
	S2 <- tapply(ifelse(control, y, NA), m$subclass, var, na.rm = TRUE)
	n <- sum(n_c)
	check(s$single_pool == sum(n_c[N_c == 1]), paste0(name, ": pools of one"), s$single_pool)
	close_to(s$fixed_pool_se, sqrt(sum((n_c * S2 * (N_c - 1) / N_c)[N_c > 1])) / n, tol, paste0(name, ": fixed_pool_se"))
	S2[N_c == 1] <- weighted.mean(S2[N_c > 1], n_c[N_c > 1])
	close_to(s$std_error, sqrt(sum(n_c * S2 + n_c^2 * S2 / N_c)) / n, tol, paste0(name, ": std_error"))
	k <- pmin(10, N_c)
	close_to(s$draw_se, sqrt(sum(n_c * S2 / k * (1 - k / N_c))) / n, tol, paste0(name, ": draw_se"))
	close_to(s$effect_size, s$difference / sqrt(sum(n_c * S2) / n), tol, paste0(name, ": effect_size"))
	close_to(s$p_value, 2 * pnorm(-abs(s$difference / s$std_error)), tol, paste0(name, ": p_value"))
	n_all <- table(factor(m$subclass, levels(m$subclass)))
	close_to(s$max_left_out_share, max(n_c / n_all), tol, paste0(name, ": max_left_out_share"))

	table <- summary(m, addlvariables = lalonde[c(numeric, binary)])$sum.matched
	for (x in c(numeric, binary))
		for (kind in if (x %in% binary) c("boolean", "0 and 1") else "number")
		{
			b <- balance(cells, x, kind)
			label <- paste0(name, ", balance of ", x, ", ", kind, ": ")
			close_to(c(b$actual, b$virtual), table[x, c("Means Treated", "Means Control")], tol, paste0(label, "means"), scale = sd(lalonde[[x]]))
			close_to(b$smd, table[x, "Std. Mean Diff."], tol, paste0(label, "standardised mean difference"), scale = 1)
			# MatchIt too has none for yes and no
			close_to(b$variance_ratio, table[x, "Var. Ratio"], tol, paste0(label, "variance ratio"))
			check(b$verdict == if (abs(table[x, "Std. Mean Diff."]) < .1) "balanced" else "imbalanced", paste0(label, "verdict"), b$verdict)
		}
	s
}

s <- compare_exact("race x married x nodegree", c("race", "married", "nodegree"))
check(s$matched == 185, "reference: 185 matched", s$matched)
close_to(c(s$actual, s$virtual, s$ess, s$fixed_pool_se), c(6349.14353027, 5039.24632027, 111.525424845, 445.852278971), 5e-12,
		 "reference: actual, virtual, effective sample size, fixed_pool_se")
s <- compare_exact("with age and educ too", c("race", "married", "nodegree", "age", "educ"))
check(s$unmatched > 20 && s$single_pool > 5, "with age and educ too: has unmatched pupils and pools of one", paste(s$unmatched, s$single_pool))

# --- nearest neighbours, with replacement ----------------------------------

compare_nearest <- function(score, k, caliper, cells)
{
	name <- sprintf("%d nearest on %s%s%s", k, score, if (is.null(caliper)) "" else sprintf(" within %g", caliper),
					if (length(cells)) paste0(" in ", paste(cells, collapse = " x ")) else "")
	# a matrix of distances: given the score itself, MatchIt 4.5.1 takes one control over and over (its issue 159)
	distance <- abs(outer(lalonde[[score]], lalonde[[score]], "-"))
	dimnames(distance) <- list(rownames(lalonde), rownames(lalonde))
	m <- suppressWarnings(matchit(treat ~ age, lalonde, method = "nearest", distance = distance, replace = TRUE,
								  ratio = k, caliper = caliper, std.caliper = FALSE,
								  exact = if (length(cells)) reformulate(cells)))
	sets <- lapply(seq_len(nrow(m$match.matrix)), function(i) as.integer(na.omit(match(m$match.matrix[i, ], rownames(lalonde)))))
	treated <- match(rownames(m$match.matrix), rownames(lalonde))
	peers <- function(outcome)
		query(sprintf("SELECT id, sipp.pool(peer) AS pool, sipp.own(peer) AS own, sipp.mean(peer) AS mean, sipp.variance(peer) AS variance
			FROM (SELECT id, treat, sipp.nearest_comparator(%s, treat, NULL, %s, %d, %s) OVER (%s) AS peer FROM lalonde) p
			WHERE treat = 1 ORDER BY id", outcome, score, k, if (is.null(caliper)) "NULL" else caliper,
			if (length(cells)) paste("PARTITION BY", paste(cells, collapse = ", ")) else ""))
	check(!any(sapply(sets, anyDuplicated)), paste0(name, ": MatchIt takes no control twice for a pupil"))
	found <- peers("mark")
	found <- found[match(treated, found$id), ]
	check(identical(as.integer(found$pool), lengths(sets)), paste0(name, ": sizes of pools"), paste(range(lengths(sets)), collapse = " to "))
	moments <- function(x, f) sapply(sets, function(i) if (length(i)) f(x[i]) else NA)
	close_to(found$mean, moments(lalonde$mark, mean), tol, paste0(name, ": the same pools"))
	found <- peers("re78")
	found <- found[match(treated, found$id), ]
	S2 <- moments(lalonde$re78, var)
	close_to(found$mean, moments(lalonde$re78, mean), tol, paste0(name, ": means"), scale = 1)
	close_to(found$variance, S2, tol, paste0(name, ": variances"), scale = 1)

	s <- query(sprintf("SELECT b.* FROM (SELECT treat, sipp.virtual_school(re78, peer) AS v
		FROM (SELECT treat, re78, sipp.nearest_comparator(re78, treat, NULL, %s, %d, %s) OVER (%s) AS peer FROM lalonde) p
		GROUP BY treat) s, LATERAL (SELECT (s.v).*) b WHERE treat = 1", score, k, if (is.null(caliper)) "NULL" else caliper,
		if (length(cells)) paste("PARTITION BY", paste(cells, collapse = ", ")) else ""))
	any <- lengths(sets) > 0
	check(s$matched == sum(any) && s$unmatched == sum(!any), paste0(name, ": matched, unmatched"), paste(s$matched, s$unmatched))
	w <- m$weights
	control <- lalonde$treat == 0
	close_to(c(s$actual, s$virtual), c(mean(lalonde$re78[treated[any]]), weighted.mean(lalonde$re78[control], w[control])), tol,
			 paste0(name, ": actual and virtual"))
	close_to(s$ess, sum(w[control])^2 / sum(w[control]^2), tol, paste0(name, ": effective sample size"))
	# each pupil's pool is a mean of its own, two pools share their pupils
	n <- sum(any)
	size <- lengths(sets)
	single <- size == 1
	S2[single] <- mean(S2[size > 1])
	if (k == 1)
		check(is.na(s$std_error), paste0(name, ": no std_error where all pools are one"))
	else
	{
		sharing <- sapply(sets, function(i) sum(sapply(sets[any], function(j) length(intersect(i, j)) / length(j))))
		close_to(s$std_error, sqrt(sum((S2 + sharing * S2 / size)[any])) / n, tol, paste0(name, ": std_error"))
		close_to(s$fixed_pool_se, sqrt(sum((S2 * (size - 1) / size)[any])) / n, tol, paste0(name, ": fixed_pool_se"))
	}
}

for (score in paste0("score", 1:3))
	for (k in c(1, 3, 10))
		compare_nearest(score, k, NULL, c())
for (score in paste0("score", 1:3))
{
	compare_nearest(score, 10, NULL, c("race", "married"))
	compare_nearest(score, 10, .02, c())
	compare_nearest(score, 10, .01, c("race", "married"))
	compare_nearest(score, 3, .005, c("race", "married", "nodegree"))
}

cat(sprintf("%d passed, %d failed\n", passed, failed))
quit(status = if (failed > 0) 1 else 0)
