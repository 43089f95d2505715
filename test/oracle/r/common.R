# What the comparisons with R share: the database, verdicts, one model in both.

suppressMessages({
	library(Matrix)
	library(lme4)
})

psql <- Sys.getenv("SIPP_PSQL")
dir <- Sys.getenv("SIPP_DIR")
passed <- 0
failed <- 0
skipped <- 0

# --- the database ----------------------------------------------------------

run_psql <- function(...)
{
	status <- system2(psql, c("-X", "-q", "-v", "ON_ERROR_STOP=1", ...))
	if (status != 0)
		stop("psql failed")
}

execute <- function(sql)
{
	file <- tempfile(tmpdir = dir)
	writeLines(sql, file)
	run_psql("-o", "/dev/null", "-f", shQuote(file))
}

query <- function(sql)
{
	file <- tempfile(tmpdir = dir)
	out <- tempfile(tmpdir = dir)
	writeLines(sql, file)
	run_psql("--csv", "-o", shQuote(out), "-f", shQuote(file))
	read.csv(out, stringsAsFactors = FALSE, na.strings = "")
}

# A data frame as a table: numbers exact, factors as text.
export <- function(data, table)
{
	types <- sapply(data, function(x) if (is.numeric(x)) "float8" else "text")
	for (k in names(data))
		data[[k]] <- if (is.numeric(data[[k]])) sprintf("%.17g", data[[k]]) else as.character(data[[k]])
	csv <- file.path(dir, "data.csv")
	write.csv(data, csv, row.names = FALSE, quote = FALSE)
	columns <- paste0('"', tolower(names(data)), '" ', types, collapse = ", ")
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

# Largest difference, relative to the largest figure of the vector.
differ <- function(a, b)
{
	if (length(a) != length(b) || anyNA(a) || anyNA(b)) return(Inf)
	max(abs(a - b)) / max(abs(b), 1e-300)
}

close_to <- function(a, b, tol, what)
{
	d <- differ(a, b)
	check(d <= tol, what, sprintf("%.1e, allowed %.0e", d, tol))
}

# --- a model in both -------------------------------------------------------

# sipp's figures of the cohorts in table sipp_cohort (school text, c).
sipp <- function(method, slopes = NULL)
{
	fn <- if (method == "REML") "value_added" else "value_added_ml"
	args <- if (is.null(slopes)) "" else sprintf(", '%s'", slopes)
	execute(sprintf("DROP TABLE IF EXISTS sipp_model; CREATE TABLE sipp_model AS SELECT sipp.%s(c%s) AS m FROM sipp_cohort;", fn, args))
	list(fit = query("SELECT f.* FROM sipp_model, LATERAL sipp.fit_summary(m) f"),
		 coef = query("SELECT c.* FROM sipp_model, LATERAL sipp.coefficients(m) c"),
		 tests = query("SELECT t.* FROM sipp_model, LATERAL sipp.term_tests(m) t"),
		 D = query("SELECT d.* FROM sipp_model, LATERAL sipp.school_covariance(m) d"),
		 effect = query("SELECT school, e.* FROM sipp_model, sipp_cohort, LATERAL sipp.effect(c, m) e ORDER BY school COLLATE \"C\""),
		 random = query("SELECT school, e.* FROM sipp_model, sipp_cohort, LATERAL sipp.slope_effects(c, m) e ORDER BY school COLLATE \"C\", term = '(Intercept)' DESC"))
}

matrix_of <- function(s)
{
	q <- (sqrt(8 * nrow(s$D) + 1) - 1) / 2
	D <- matrix(0, q, q)
	D[upper.tri(D, TRUE)] <- s$D$covariance		# rows of the lower triangle
	D[lower.tri(D)] <- t(D)[lower.tri(D)]
	D
}

# lme4's merMod at a given relative covariance factor.
at_theta <- function(formula, data, reml, theta, weights = NULL, control = lmerControl())
{
	data$w_ <- if (is.null(weights)) rep(1, nrow(data)) else weights
	parsed <- if (is.null(weights)) lFormula(formula, data, REML = reml, control = control)
		else lFormula(formula, data, REML = reml, weights = w_, control = control)
	devfun <- do.call(mkLmerDevfun, parsed)
	fval <- devfun(theta)
	mkMerMod(environment(devfun), list(par = theta, fval = fval, conv = 0, feval = 1), parsed$reTrms, fr = parsed$fr)
}

# Compare everything that both give.
compare_fit <- function(name, formula, data, method, group, slopes = NULL, weights = NULL, control = lmerControl())
{
	reml <- method == "REML"
	label <- paste0(name, ", ", method, ": ")
	s <- sipp(method, if (!is.null(slopes)) tolower(slopes))
	D <- matrix_of(s)
	q <- nrow(D)
	L <- t(chol(D / s$fit$pupil_variance))
	m <- at_theta(formula, data, reml, L[lower.tri(L, TRUE)], weights, control)
	data$w_ <- if (is.null(weights)) rep(1, nrow(data)) else weights
	best <- if (is.null(weights)) lmer(formula, data, REML = reml, control = control)
		else lmer(formula, data, REML = reml, weights = w_, control = control)
	dev <- function(x) if (reml) REMLcrit(x) else deviance(x)

	check(s$fit$deviance <= dev(best) + 1e-7, paste0(label, "deviance is no worse than lme4's"),
		  sprintf("%.10f, lme4 %.10f", s$fit$deviance, dev(best)))
	close_to(s$fit$deviance, dev(m), 1e-10, paste0(label, "deviance"))
	close_to(s$fit$log_likelihood, as.numeric(logLik(m)), 1e-10, paste0(label, "log likelihood"))
	close_to(s$fit$pupil_variance, sigma(m)^2, 1e-9, paste0(label, "pupil variance"))
	close_to(s$coef$estimate, unname(fixef(m)), 1e-9, paste0(label, "coefficients"))
	close_to(s$coef$std_error, unname(sqrt(diag(as.matrix(vcov(m))))), 1e-9, paste0(label, "their standard errors"))
	if (!reml)
		close_to(s$fit$aic, AIC(m), 1e-10, paste0(label, "AIC"))
	flat <- lm(nobars(formula), data, weights = w_)
	close_to(s$fit$deviance + s$fit$lr_chi2, -2 * as.numeric(logLik(flat, REML = reml)), 1e-10, paste0(label, "deviance without schools"))

	u <- ranef(m, condVar = TRUE)[[1]]
	order <- order(rownames(u), method = "radix")
	u <- u[order, , drop = FALSE]
	post <- attr(ranef(m, condVar = TRUE)[[1]], "postVar")[, , order, drop = FALSE]
	effects <- matrix(s$random$effect, ncol = q, byrow = TRUE)
	ses <- matrix(s$random$conditional_se, ncol = q, byrow = TRUE)
	std_errors <- matrix(s$random$std_error, ncol = q, byrow = TRUE)
	for (k in 1:q)
	{
		term <- if (q == 1) "effects" else paste0("effects, random term ", k)
		close_to(effects[, k], u[, k], 1e-9, paste0(label, term))
		close_to(ses[, k]^2, post[k, k, ], 1e-9, paste0(label, term, ": conditional variance"))
	}

	# Henderson's mixed model equations, dense: their inverse holds the
	# variance of prediction with the coefficients estimated
	if (nrow(u) <= 200)
	{
		X <- getME(m, "X")
		Z <- getME(m, "Z")
		W <- Diagonal(x = data$w_)
		J <- nrow(u)
		G <- kronecker(Diagonal(J), solve(D / s$fit$pupil_variance))
		M <- rbind(cbind(crossprod(X, W %*% X), crossprod(X, W %*% Z)),
				   cbind(crossprod(Z, W %*% X), crossprod(Z, W %*% Z) + G))
		C <- s$fit$pupil_variance * solve(as.matrix(M))
		p <- ncol(X)
		zbar <- if (q == 1) 1 else c(1, weighted.mean(data[[slopes]], data$w_))
		comparative <- sapply(seq_len(J), function(j)
			{
				at <- p + (order[j] - 1) * q + seq_len(q)
				c(diag(C[at, at, drop = FALSE]), sum(zbar * (C[at, at] %*% zbar)))
			})
		for (k in 1:q)
			close_to(std_errors[, k]^2, comparative[k, ], 1e-9, paste0(label, "comparative variance", if (q > 1) paste0(", random term ", k) else ""))
		close_to(s$effect$std_error^2, comparative[q + 1, ], 1e-9, paste0(label, "standard error of effect"))
		v <- sum(zbar * (D %*% zbar))
		close_to(s$fit$school_variance, v, 1e-9, paste0(label, "school variance"))
		close_to(s$effect$effect, as.vector(as.matrix(u) %*% zbar), 1e-9, paste0(label, "effect"))
		close_to(s$effect$diagnostic_se^2, v - comparative[q + 1, ], 1e-8, paste0(label, "diagnostic variance"))
		close_to(s$effect$reliability, 1 - s$effect$conditional_se^2 / v, 1e-9, paste0(label, "reliability"))

		# a school's own figures, pupil by pupil
		fixed <- as.vector(X %*% fixef(m))
		residual <- model.response(model.frame(m)) - fixed
		by_school <- split(seq_len(nrow(X)), data[[group]])[rownames(u)]
		mean_of <- function(x) sapply(by_school, function(i) weighted.mean(x[i], data$w_[i]))
		close_to(s$effect$expected, unname(mean_of(fixed)), 1e-9, paste0(label, "expected"))
		close_to(s$effect$raw_effect, unname(mean_of(residual)), 1e-9, paste0(label, "raw_effect"))
		several <- lengths(by_school) > 1
		check(all(is.na(s$effect$residual_sd) == !several), paste0(label, "residual_sd of schools of two pupils or more"))
		if (any(several))
			close_to(s$effect$residual_sd[several],
					 unname(sapply(by_school[several], function(i)
						 sqrt(sum(data$w_[i] * (residual[i] - weighted.mean(residual[i], data$w_[i]))^2) / (length(i) - 1)))),
					 1e-9, paste0(label, "residual_sd"))
	}

	# Wald tests of each term by vcov
	assign <- attr(model.matrix(nobars(formula), data), "assign")
	if (max(assign) == 0)
		return(invisible(s))
	V <- as.matrix(vcov(m))
	b <- fixef(m)
	wald <- sapply(seq_len(max(assign)), function(k) { i <- assign == k; sum(b[i] * solve(V[i, i], b[i])) })
	close_to(s$tests$chi2, wald, 1e-8, paste0(label, "joint tests of terms"))
	close_to(s$tests$p_value, pchisq(wald, tabulate(assign), lower.tail = FALSE), 1e-7, paste0(label, "their p values"))
	invisible(s)
}

# Profile deviance over the pupil variance at a given variance between schools.
profile_deviance <- function(formula, data, group, reml, v, sigma2)
{
	X <- model.matrix(nobars(formula), data)
	y <- model.response(model.frame(nobars(formula), data))
	g <- factor(data[[group]])
	n <- as.vector(table(g))
	SX <- rowsum(X, g)
	Sy <- as.vector(rowsum(y, g))
	dev <- function(s2)
	{
		k <- v / (s2 + n * v)
		A <- (crossprod(X) - crossprod(SX, SX * k)) / s2
		c <- (crossprod(X, y) - crossprod(SX, Sy * k)) / s2
		b <- solve(A, c)
		r <- y - X %*% b
		Sr <- as.vector(rowsum(r, g))
		rss <- (sum(r^2) - sum(Sr^2 * k)) / s2
		logdet <- sum((n - 1) * log(s2) + log(s2 + n * v))
		length(y) * log(2 * pi) + logdet + rss +
			if (reml) as.numeric(determinant(A)$modulus) - ncol(X) * log(2 * pi) else 0
	}
	optimize(dev, sigma2 * c(0.8, 1.25), tol = 1e-10 * sigma2)$objective
}

check_interval <- function(name, s, formula, data, group, reml)
{
	crit <- qchisq(0.95, 1)
	for (side in c("low", "high"))
	{
		d <- profile_deviance(formula, data, group, reml, s$fit[[paste0("school_variance_", side)]], s$fit$pupil_variance)
		close_to(d - s$fit$deviance, crit, 1e-6, sprintf("%s: profile deviance at the %s limit of the school variance", name, side))
	}
}

cohorts <- function(sql)
	execute(sprintf("DROP TABLE IF EXISTS sipp_cohort; CREATE TABLE sipp_cohort AS %s;", sql))

# The last line, and the exit status.
finish <- function()
{
	cat(sprintf("%d passed, %d failed, %d skipped\n", passed, failed, skipped))
	quit(status = if (failed > 0) 1 else 0)
}
