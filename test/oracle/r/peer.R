# sipp against lme4: the same data, the same parameters, the same figures.
#
# lme4's optimiser stops early, so figures are compared at sipp's own theta
# (lme4's criterion evaluated there), and sipp's deviance must be no worse than
# lme4's best.  The true optimum of each model to 50 digits is the table
# "reference" below.

source("common.R")
suppressMessages(library(mlmRev))

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

finish()
