# One row a school, or nearly: school and pupil variance are told apart by
# unequal weights (or sizes) alone.  lme4 refuses such data unless its checks are
# switched off; then it, nlme's varFixed and a search over the criterion agree.

source("common.R")
suppressMessages(library(nlme))

control <- lmerControl(check.nobs.vs.nlev = "ignore", check.nobs.vs.rankZ = "ignore", check.nobs.vs.nRE = "ignore",
					   calc.derivs = FALSE)

refusal <- function()
{
	out <- suppressWarnings(system2(psql, c("-X", "-q", "-A", "-t", "-c", shQuote("SELECT sipp.value_added(c) FROM sipp_cohort")), stdout = TRUE, stderr = TRUE))
	sub("^ERROR: *sipp.value_added: ", "", grep("^ERROR", out, value = TRUE)[1])
}

# --- means and numbers of pupils ---------------------------------------------------

i <- 1:60
n <- 4 + (i * i * 37) %% 397
d <- data.frame(school = sprintf("s%02d", i), w = n, y = 50 + sin(i * 1.3) * 3 + cos(i * 7.7) * 20 / sqrt(n))
export(d, "means")
cohorts("SELECT school, sipp.weighted_cohort(w, y) AS c FROM means GROUP BY school")
s <- sipp("REML")
close_to(s$fit$school_variance, 3.61300, 1e-5, "means of 60 schools: school variance")
close_to(s$fit$pupil_variance, 282.725, 1e-5, "means of 60 schools: pupil variance")
close_to(s$coef$estimate, 50.00891, 1e-6, "means of 60 schools: intercept")
check(grepl("by the weights alone", s$fit$notice), "means of 60 schools: the notice says what tells them apart")

# nlme holds sigma as the unit's, with variance sigma^2 / w
e <- lme(y ~ 1, d, random = ~ 1 | school, weights = varFixed(~ I(1 / w)), control = lmeControl(opt = "optim", msTol = 1e-12, reltol = 1e-14))
v <- as.numeric(VarCorr(e)[, "Variance"])
close_to(s$fit$school_variance, v[1], 1e-3, "means of 60 schools, nlme: school variance")
close_to(s$fit$pupil_variance, v[2], 1e-3, "means of 60 schools, nlme: pupil variance")
check(s$fit$log_likelihood >= logLik(e) - 1e-7, "means of 60 schools, nlme: log likelihood is no worse",
	  sprintf("%.9f, nlme %.9f", s$fit$log_likelihood, logLik(e)))

# --- random data ---------------------------------------------------------------

# J schools of `rows` pupils each, with weights or without; a school-level and a
# pupil-level covariate; rows of large weight vary less, or not
draw <- function(J, rows, weighted, shrinking = TRUE)
{
	g <- rep(seq_len(J), rows)
	N <- length(g)
	w <- if (weighted) round(exp(rnorm(N, 3, 1.2)), 3) + 1 else rep(1, N)
	x <- rnorm(N) + rnorm(J)[g]
	z <- rnorm(J)[g]
	data.frame(school = sprintf("s%03d", g), w = w, x = x, z = z, f = c("a", "b", "c")[1 + g %% 3],
			   y = 10 + 1.5 * rnorm(J)[g] + 0.7 * x + 0.3 * z + if (shrinking) 6 * rnorm(N) / sqrt(w) else rnorm(N))
}

# The criterion at lambda, dense: lme4's own loses digits where theta is large.
criterion <- function(lambda, formula, d, reml)
{
	X <- model.matrix(nobars(formula), d)
	R <- chol(diag(1 / d$w) + lambda * outer(d$school, d$school, "=="))
	X <- backsolve(R, X, transpose = TRUE)
	fit <- qr(X)
	df <- nrow(X) - if (reml) ncol(X) else 0
	r2 <- sum(qr.resid(fit, backsolve(R, d$y, transpose = TRUE))^2)
	2 * sum(log(diag(R))) + (if (reml) 2 * sum(log(abs(diag(fit$qr)))) else 0) + df * (1 + log(2 * pi * r2 / df))
}

set.seed(11)
fits <- 0
refused <- 0
for (case in 1:18)
{
	J <- sample(c(12, 30, 80), 1)
	rows <- switch(1 + case %% 3, rep(1, J), ifelse(seq_len(J) %% 7 == 0, 2, 1), sample(c(1, 1, 1, 3), J, TRUE))
	weighted <- all(rows == 1) || case %% 2 == 0
	d <- draw(J, rows, weighted, shrinking = case <= 12)
	terms <- list(character(0), "x", c("x", "z"), c("x", "f"))[[1 + case %% 4]]
	export(d, "rows")
	args <- paste(c("y", terms), collapse = ", ")
	cohorts(sprintf("SELECT school, %s(%s%s) AS c FROM rows GROUP BY school", if (weighted) "sipp.weighted_cohort" else "sipp.cohort", if (weighted) "w, " else "", args))
	formula <- as.formula(paste("y ~", paste(c("1", terms, "(1 | school)"), collapse = " + ")))
	name <- sprintf("%d rows in %d schools%s, %s", nrow(d), J, if (weighted) " with weights" else "", if (length(terms)) paste(terms, collapse = ", ") else "no covariate")
	for (method in c("REML", "ML"))
	{
		parsed <- lFormula(formula, d, REML = method == "REML", weights = w, control = control)
		devfun <- do.call(mkLmerDevfun, parsed)
		grid <- sapply(10^seq(-4, 2, 0.05), devfun)
		s <- tryCatch(sipp(method), error = function(e) NULL)
		if (is.null(s))
		{
			# only where the criterion is least as theta grows without bound
			best <- min(sapply(10^seq(-8, 6, 0.1), criterion, formula, d, method == "REML"))
			limit <- criterion(1e9, formula, d, method == "REML")
			check(best > limit - 1e-7, paste0(name, ", ", method, ": refused, since the pupil variance would be zero"),
				  sprintf("at best %.9f, %.9f in the limit", best, limit))
			refused <- refused + 1
			next
		}
		fits <- fits + 1
		check(s$fit$deviance <= min(grid, criterion(1e9, formula, d, method == "REML")) + 1e-7, paste0(name, ", ", method, ": no theta is better"))
		if (s$fit$singular == "f")
			compare_fit(name, formula, d, method, "school", weights = if (weighted) d$w else NULL, control = control)
		# ends of the interval of the ICC lie a chi-square above the best
		for (end in c(s$fit$icc_low, s$fit$icc_high))
			if (end > 0 && end < 1)
				close_to(devfun(sqrt(end / (1 - end))) - s$fit$deviance, qchisq(0.95, 1), 1e-5, paste0(name, ", ", method, ": an end of the ICC's interval"))
		if (s$fit$icc_high == 1)
			check(criterion(1e9, formula, d, method == "REML") - s$fit$deviance <= qchisq(0.95, 1) + 1e-6, paste0(name, ", ", method, ": the ICC has no upper limit"))
	}
}
check(fits >= 15 && refused >= 1, "both kinds were drawn", sprintf("%d fits, %d refused", fits, refused))

# --- Satterthwaite's degrees of freedom -----------------------------------------

# var(c'b) over numerical derivatives of lme4's own criterion
satterthwaite <- function(name, formula, d, s)
{
	X <- model.matrix(nobars(formula), d)
	V <- function(p) solve(crossprod(X, X / (p[1] + p[2] / d$w)))
	# restricted -2 log likelihood over (var u, sigma2)
	crit <- function(p)
	{
		v <- p[1] + p[2] / d$w
		A <- crossprod(X, X / v)
		b <- solve(A, crossprod(X, d$y / v))
		sum(log(v)) + as.numeric(determinant(A)$modulus) + sum((d$y - X %*% b)^2 / v)
	}
	p <- c(s$fit$school_variance, s$fit$pupil_variance)
	h <- p * 1e-3
	H <- matrix(0, 2, 2)
	for (a in 1:2) for (b in 1:2)
	{
		ea <- h * (1:2 == a)
		eb <- h * (1:2 == b)
		H[a, b] <- (crit(p + ea + eb) - crit(p + ea - eb) - crit(p - ea + eb) + crit(p - ea - eb)) / (4 * h[a] * h[b])
	}
	cov <- 2 * solve(H)
	df <- sapply(seq_len(ncol(X)), function(k)
	{
		g <- sapply(1:2, function(a) { e <- h * (1:2 == a); (V(p + e)[k, k] - V(p - e)[k, k]) / (2 * h[a]) })
		2 * V(p)[k, k]^2 / sum(g * (cov %*% g))
	})
	close_to(log(s$coef$df), log(df), 1e-3, paste0(name, ": Satterthwaite's degrees of freedom by numerical derivatives"))
}
set.seed(5)
d <- draw(60, rep(1, 60), TRUE)
export(d, "rows")
cohorts("SELECT school, sipp.weighted_cohort(w, y, x, z) AS c FROM rows GROUP BY school")
satterthwaite("60 means", y ~ x + z + (1 | school), d, sipp("REML"))

# --- refusals --------------------------------------------------------------------

cohorts("SELECT school, sipp.weighted_cohort(7.5, y, x) AS c FROM rows GROUP BY school")
check(refusal() == "every school has a single row, and all have the same weight", "equal weights", refusal())
cohorts("SELECT school, sipp.cohort(y, x) AS c FROM rows GROUP BY school")
check(refusal() == "every school has a single pupil", "no weights", refusal())
# the one school of another weight has a coefficient of its own
cohorts("SELECT school, sipp.weighted_cohort(CASE WHEN school = 's001' THEN 2 ELSE 1 END, y, x, (school = 's001')) AS c FROM rows GROUP BY school")
check(refusal() == "every school has a single row, and the covariates leave none of another weight", "weights that differ where a covariate takes them up", refusal())
cohorts("SELECT school, sipp.weighted_cohort(w, 3) AS c FROM rows GROUP BY school")
check(refusal() == "the outcome is the same for all pupils", "a constant outcome", refusal())
cohorts("SELECT school, sipp.weighted_cohort(w, 2 * x + 1, x) AS c FROM rows GROUP BY school")
check(refusal() == "the covariates determine the outcome", "an outcome made of a covariate", refusal())

finish()
