# Intervals with random slopes: lme4's criterion at the ends of the interval of
# the ICC at the mean, its own profile for that of the variance (by ML), and a
# plain search over the criterion for both methods.

source("common.R")
suppressMessages(library(mlmRev))

crit <- qchisq(0.95, 1)
data(Exam, package = "mlmRev")
Exam$school <- as.character(Exam$school)
Exam$x <- Exam$standLRT - mean(Exam$standLRT)
export(Exam, "exam")

# two slopes that differ between schools
set.seed(3)
J <- 40
L <- rbind(c(1, 0, 0), c(.3, .6, 0), c(-.2, .1, .5))
g <- rep(seq_len(J), sample(8:30, J, TRUE))
u <- matrix(rnorm(3 * J), J) %*% t(L)
d <- data.frame(school = sprintf("s%02d", g), x = rnorm(length(g)), v = runif(length(g)) < 0.4)
d$v <- d$v - mean(d$v)
d$x <- d$x - mean(d$x)
d$y <- u[g, 1] + (1 + u[g, 2]) * d$x + u[g, 3] * d$v + 2 * rnorm(length(g))
export(d, "two")

# the least of a criterion over free parameters, from several starts
least <- function(f, start)
	min(sapply(c(1, 0.3, 3), function(k)
	{
		o <- optim(start * k, f, method = "BFGS", control = list(maxit = 500, reltol = 1e-14))
		optim(o$par, f, method = "BFGS", control = list(maxit = 500, reltol = 1e-15))$value
	}))

intervals <- function(name, formula, slopes, method, data = Exam)
{
	reml <- method == "REML"
	s <- sipp(method, slopes)
	D <- matrix_of(s)
	devfun <- do.call(mkLmerDevfun, lFormula(formula, data, REML = reml))
	env <- environment(devfun)
	best <- t(chol(D / s$fit$pupil_variance))
	theta <- best[lower.tri(best, TRUE)]
	for (side in c("low", "high"))
	{
		end <- s$fit[[paste0("icc_", side)]]
		if (end > 0 && end < 1)
		{
			d <- least(function(p) devfun(c(sqrt(end / (1 - end)), p)), theta[-1])
			close_to(d - s$fit$deviance, crit, 1e-4, sprintf("%s, %s: criterion at the %s end of the ICC's interval", name, method, side))
		}
		# not profiled over sigma2: the criterion at theta and sigma2 = v / theta1^2
		v <- s$fit[[paste0("school_variance_", side)]]
		n <- nrow(data) - if (reml) ncol(env$pp$X) else 0
		f <- function(p)
		{
			dev <- devfun(p)
			# lme4's criterion is ld + n (1 + log(2 pi r2 / n)): r2 gives it at another sigma2
			r2 <- env$pp$sqrL(1) + env$resp$wrss()
			s2 <- v / p[1]^2
			dev - n * (1 + log(2 * pi * r2 / n)) + n * log(2 * pi * s2) + r2 / s2
		}
		if (v > 0 && is.finite(v))
			close_to(least(f, theta) - s$fit$deviance, crit, 1e-4, sprintf("%s, %s: criterion at the %s end of the variance's interval", name, method, side))
	}
	s
}

for (method in c("REML", "ML"))
{
	cohorts("SELECT school, sipp.cohort(y, x, v) AS c FROM two GROUP BY school")
	intervals("two slopes", y ~ x + v + (x + v | school), "x', 'v", method, d)
	cohorts("SELECT school, sipp.cohort(normexam, x) AS c FROM exam GROUP BY school")
	s <- intervals("Exam", normexam ~ x + (x | school), "x", method)
}

# lme4's own profile, which is by ML
fit <- lmer(normexam ~ x + (x | school), Exam, REML = FALSE)
p <- suppressMessages(confint(profile(fit, which = 1, signames = FALSE)))
close_to(sqrt(c(s$fit$school_variance_low, s$fit$school_variance_high)), as.numeric(p[1, ]), 1e-4, "Exam, ML: lme4's profile of the standard deviation")

finish()
