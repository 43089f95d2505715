# sipp against lme4: the same data, the same parameters, the same figures.
#
# lme4's optimiser stops early, so figures are compared at sipp's own theta
# (lme4's criterion evaluated there), and sipp's deviance must be no worse than
# lme4's best.  The true optimum of each model to 50 digits is the table
# "reference" below.

suppressMessages({
	library(Matrix)
	library(lme4)
	library(mlmRev)
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
at_theta <- function(formula, data, reml, theta, weights = NULL)
{
	data$w_ <- if (is.null(weights)) rep(1, nrow(data)) else weights
	parsed <- if (is.null(weights)) lFormula(formula, data, REML = reml)
		else lFormula(formula, data, REML = reml, weights = w_)
	devfun <- do.call(mkLmerDevfun, parsed)
	fval <- devfun(theta)
	mkMerMod(environment(devfun), list(par = theta, fval = fval, conv = 0, feval = 1), parsed$reTrms, fr = parsed$fr)
}

# Compare everything that both give.
compare_fit <- function(name, formula, data, method, group, slopes = NULL, weights = NULL)
{
	reml <- method == "REML"
	label <- paste0(name, ", ", method, ": ")
	s <- sipp(method, if (!is.null(slopes)) tolower(slopes))
	D <- matrix_of(s)
	q <- nrow(D)
	L <- t(chol(D / s$fit$pupil_variance))
	m <- at_theta(formula, data, reml, L[lower.tri(L, TRUE)], weights)
	data$w_ <- if (is.null(weights)) rep(1, nrow(data)) else weights
	best <- if (is.null(weights)) lmer(formula, data, REML = reml)
		else lmer(formula, data, REML = reml, weights = w_)
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
		close_to(s$effect$residual_sd,
				 unname(sapply(by_school, function(i)
					 sqrt(sum(data$w_[i] * (residual[i] - weighted.mean(residual[i], data$w_[i]))^2) / (length(i) - 1)))),
				 1e-9, paste0(label, "residual_sd"))
	}

	# Wald tests of each term by vcov
	assign <- attr(model.matrix(nobars(formula), data), "assign")
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

# --- the data --------------------------------------------------------------

data(Exam, package = "mlmRev")
data(ScotsSec, package = "mlmRev")
data(Chem97, package = "mlmRev")
set.seed(1)
Exam$w <- runif(nrow(Exam))
# lme4 orders schools by level: keep the names as text
Exam$school <- as.character(Exam$school)
ScotsSec$school <- as.character(ScotsSec$second)
Chem97$school <- as.character(Chem97$school)
ScotsSec$soc <- factor(ScotsSec$social)
Exam$mean_lrt <- ave(Exam$standLRT, Exam$school)
export(Exam, "exam")
export(ScotsSec, "scots")
export(Chem97, "chem")

cohorts <- function(sql)
	execute(sprintf("DROP TABLE IF EXISTS sipp_cohort; CREATE TABLE sipp_cohort AS %s;", sql))

# --- the reference table: 50-digit arithmetic on the same doubles ------------

reference <- function(name, s, truth)
	for (what in names(truth))
		close_to(switch(what, theta = sqrt(s$fit$school_variance / s$fit$pupil_variance),
						b = s$coef$estimate, se = s$coef$std_error,
						D = s$D$covariance, s$fit[[what]]),
				 truth[[what]], 1e-10, paste0(name, ", 50-digit truth: ", what))

cohorts("SELECT school, sipp.cohort(normexam, standlrt) AS c FROM exam GROUP BY school")
exam_formula <- normexam ~ standLRT + (1 | school)
s <- compare_fit("Exam", exam_formula, Exam, "REML", "school")
reference("Exam, REML", s, list(theta = .407225646430739, school_variance = .0938389875848671, pupil_variance = .565865310302072,
								deviance = 9368.76528732895, b = c(.00232282316100539, .563306914153656),
								se = c(.0403543578652806, .0124679612472977)))
first <- s$effect[match(1:5, s$effect$school), ]
close_to(first$effect, c(.374355711552, .503036601318, .504939253619, .0182233791059, .241148090079), 1e-11, "Exam, REML, schools 1 to 5: effect")
close_to(first$reliability, c(.923697841163, .901193581448, .896085561924, .92908196468, .853030772562), 1e-11, "Exam, REML, schools 1 to 5: reliability")
close_to(first$conditional_se, c(.084617476539, .0962906759961, .0987482944892, .0815774272452, .117436976753), 1e-11, "Exam, REML, schools 1 to 5: conditional_se")
close_to(first$std_error, c(.0924898048175, .103037639261, .105333568389, .0897904898631, .122403708143), 1e-11, "Exam, REML, schools 1 to 5: std_error")
close_to(first$diagnostic_se, c(.292035312231, .288482638092, .287652267426, .292876519228, .280813674556), 1e-11, "Exam, REML, schools 1 to 5: diagnostic_se")
check_interval("Exam, REML", s, exam_formula, Exam, "school", TRUE)
exam_reml <- s
s <- compare_fit("Exam", exam_formula, Exam, "ML", "school")
reference("Exam, ML", s, list(theta = .403546729589728, school_variance = .0921292731090978, pupil_variance = .565731004374107,
							  deviance = 9357.24320059104))
check_interval("Exam, ML", s, exam_formula, Exam, "school", FALSE)

slope_formula <- normexam ~ standLRT + (standLRT | school)
s <- compare_fit("Exam, random slope", slope_formula, Exam, "REML", "school", "standLRT")
reference("Exam, random slope, REML", s, list(b = c(-.0116493228515, .556534713816), se = c(.0401112668581, .0201139527734),
											  D = c(.0921183553576, .0183417989823, .0149671333842), pupil_variance = .553641396009,
											  deviance = 9327.60034513))
compare_fit("Exam, random slope", slope_formula, Exam, "ML", "school", "standLRT")

# --- precision weights -------------------------------------------------------

cohorts("SELECT school, sipp.weighted_cohort(w, normexam, standlrt) AS c FROM exam GROUP BY school")
weighted <- compare_fit("Exam, weights", exam_formula, Exam, "REML", "school", weights = Exam$w)
compare_fit("Exam, weights", exam_formula, Exam, "ML", "school", weights = Exam$w)
compare_fit("Exam, weights and random slope", slope_formula, Exam, "REML", "school", "standLRT", weights = Exam$w)
cohorts("SELECT school, sipp.weighted_cohort(w * 7.3, normexam, standlrt) AS c FROM exam GROUP BY school")
scaled <- sipp("REML")
close_to(scaled$fit$school_variance, weighted$fit$school_variance, 1e-10, "weights times 7.3: school variance")
close_to(scaled$effect$effect, weighted$effect$effect, 1e-10, "weights times 7.3: effects")
close_to(scaled$effect$std_error, weighted$effect$std_error, 1e-10, "weights times 7.3: their standard errors")
close_to(scaled$fit$pupil_variance, 7.3 * weighted$fit$pupil_variance, 1e-10, "weights times 7.3: pupil variance")

# --- context: the school's own mean ------------------------------------------

cohorts("SELECT school, sipp.with_context(sipp.cohort(normexam, standlrt), 'standlrt') AS c FROM exam GROUP BY school")
s <- compare_fit("Exam, context", normexam ~ standLRT + mean_lrt + (1 | school), Exam, "REML", "school")
close_to(s$fit$within_between_p, s$tests$p_value[s$tests$term == "standlrt_mean"], 1e-12, "Exam, context: within_between_p")
check(round(s$coef$estimate[3], 3) == .358 && round(s$coef$t[3], 1) == 3.2, "Exam, context: the published slope .358, t 3.2",
	  sprintf("%.3f, t %.1f", s$coef$estimate[3], s$coef$t[3]))

# --- ScotsSec, real Scottish secondaries; factors as text --------------------

cohorts("SELECT school, sipp.relevel(sipp.cohort(attain, verbal, social, sex), 'sex', 'M') AS c FROM scots GROUP BY school")
scots_formula <- attain ~ verbal + social + sex + (1 | school)
s <- compare_fit("ScotsSec", scots_formula, ScotsSec, "REML", "school")
reference("ScotsSec, REML", s, list(theta = .0861375687698885, school_variance = .0324376866905190, pupil_variance = 4.37184398733544,
									deviance = 14854.0898284848,
									b = c(5.73041560588636, .158612955219609, .0320948335231444, .135603356224491),
									se = c(.0712129323530939, .00277155569386008, .00336184263834721, .0718665096352375)))
check_interval("ScotsSec, REML", s, scots_formula, ScotsSec, "school", TRUE)
scots_reml <- s
s <- compare_fit("ScotsSec", scots_formula, ScotsSec, "ML", "school")
reference("ScotsSec, ML", s, list(theta = .0815062058608980, school_variance = .0290188557296532, pupil_variance = 4.36816393871424,
								  deviance = 14827.1426475962))

cohorts("SELECT school, sipp.relevel(sipp.rename(sipp.cohort(attain, verbal, soc, sex), 'verbal', 'soc', 'sex'), 'sex', 'M') AS c FROM scots GROUP BY school")
factor_formula <- attain ~ verbal + soc + sex + (1 | school)
scots_factor <- compare_fit("ScotsSec, factors", factor_formula, ScotsSec, "REML", "school")
check(identical(scots_factor$coef$level, c(NA, NA, "1", "20", "31", "F")), "ScotsSec, factors: levels against R's reference")
compare_fit("ScotsSec, factors", factor_formula, ScotsSec, "ML", "school")

# --- Chem97: 31,022 pupils in 2,410 schools ----------------------------------

cohorts("SELECT school, sipp.cohort(score, gcsecnt) AS c FROM chem GROUP BY school")
chem_formula <- score ~ gcsecnt + (1 | school)
s <- compare_fit("Chem97", chem_formula, Chem97, "REML", "school")
reference("Chem97, REML", s, list(theta = .478419031110887, school_variance = 1.17975689946464, pupil_variance = 5.15437048486367,
								  deviance = 141698.628758490, b = c(5.62766767851527, 2.47228235707310),
								  se = c(.0280669889558022, .0168943943535321)))
s <- compare_fit("Chem97", chem_formula, Chem97, "ML", "school")
reference("Chem97, ML", s, list(theta = .478233792577503, school_variance = 1.17881172417834, pupil_variance = 5.15423155363573,
								deviance = 141686.992590847))

# --- comparing models: anova of lme4 ------------------------------------------

# both of a pair are fitted from the same cohorts; the deviances are lme4's own
# at its own optimum, so that only as many digits of chi2 agree as it finds
compare_pair <- function(name, small, large, small_fit, large_fit, refit)
{
	c <- query(sprintf("SELECT r.* FROM (SELECT %s AS a, %s AS b FROM sipp_cohort) m, LATERAL sipp.compare(a, b) r", small, large))
	a <- suppressMessages(anova(small_fit, large_fit, refit = refit))
	close_to(c$df, a$Df[2], 0, paste0(name, ": degrees of freedom"))
	check(abs(c$chi2 - a$Chisq[2]) <= 1e-5, paste0(name, ": chi2"), sprintf("%.6f, anova %.6f", c$chi2, a$Chisq[2]))
	p <- if (c$df == 2 && is.character(c$note)) mean(pchisq(c$chi2, 1:2, lower.tail = FALSE)) else pchisq(c$chi2, c$df, lower.tail = FALSE)
	close_to(c$p_value, p, 1e-9, paste0(name, ": p value"))
	if (refit)
		close_to(c(c$first_aic, c$second_aic), a$AIC, 1e-8, paste0(name, ": AIC"))
}

cohorts("SELECT school, sipp.relevel(sipp.rename(sipp.cohort(attain, verbal, soc, sex), 'verbal', 'soc', 'sex'), 'sex', 'M') AS c FROM scots GROUP BY school")
compare_pair("ScotsSec with and without social class", "sipp.value_added_ml(sipp.subset(c, 'verbal', 'sex'))", "sipp.value_added_ml(c)",
			 lmer(attain ~ verbal + sex + (1 | school), ScotsSec, REML = FALSE), lmer(factor_formula, ScotsSec, REML = FALSE), TRUE)
cohorts("SELECT school, sipp.cohort(normexam, standlrt) AS c FROM exam GROUP BY school")
compare_pair("Exam with and without random slope, REML", "sipp.value_added(c)", "sipp.value_added(c, 'standlrt')",
			 lmer(exam_formula, Exam), lmer(slope_formula, Exam), FALSE)

# --- Satterthwaite's degrees of freedom ---------------------------------------

# lmerTest differentiates numerically at lme4's optimum: some five digits
if (requireNamespace("lmerTest", quietly = TRUE))
{
	satterthwaite <- function(name, s, formula, data)
	{
		t <- summary(suppressMessages(lmerTest::lmer(formula, data)))$coefficients
		close_to(log(s$coef$df), unname(log(t[, "df"])), 1e-4, paste0(name, ", lmerTest: degrees of freedom"))
		close_to(s$coef$t, unname(t[, "t value"]), 1e-4, paste0(name, ", lmerTest: t"))
		close_to(s$coef$p_value, unname(t[, "Pr(>|t|)"]), 1e-4, paste0(name, ", lmerTest: p values"))
	}
	satterthwaite("Exam", exam_reml, exam_formula, Exam)
	satterthwaite("ScotsSec", scots_reml, scots_formula, ScotsSec)
	satterthwaite("ScotsSec, factors", scots_factor, factor_formula, ScotsSec)
	cohorts("SELECT school, sipp.cohort(normexam, standlrt) AS c FROM exam GROUP BY school")
	satterthwaite("Exam, random slope", sipp("REML", "standlrt"), slope_formula, Exam)
} else
{
	cat("skipped 12: lmerTest is not there (Debian: r-cran-lmertest)\n")
	skipped <- 12
}

cat(sprintf("%d passed, %d failed, %d skipped\n", passed, failed, skipped))
quit(status = if (failed > 0) 1 else 0)
