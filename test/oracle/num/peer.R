# Fits with lme4 (and lmerTest, where installed) what peer.py compares: writes
# data files for the driver and one line per fit,
#	name|file|options|Lambda by rows|deviance|b|se|df
suppressMessages({library(mlmRev); library(lme4)})
dir <- commandArgs(TRUE)[1]
with_df <- requireNamespace("lmerTest", quietly = TRUE)
out <- file(file.path(dir, "peer.txt"), "w")
num <- function(x) paste(sprintf("%.17g", x), collapse = ",")

write_rows <- function(name, d, x)
{
	m <- cbind(match(d$unit, sort(unique(d$unit))) - 1, d$w, d$y, as.matrix(d[x]))
	f <- file(file.path(dir, paste0(name, ".txt")), "w")
	cat(nrow(m), length(x), 0, "\n", file = f)
	write(t(m), f, ncolumns = ncol(m))
	close(f)
}

# d: data frame with unit, w, y and the columns x; slopes: names out of x
fit <- function(name, d, x, slopes = character(), reml = TRUE, df = FALSE)
{
	# the driver must read the doubles that lmer sees
	for (v in c("w", "y", x)) d[[v]] <- as.numeric(sprintf("%.15g", d[[v]]))
	options(digits = 15)
	write_rows(name, d, x)
	f <- as.formula(paste("y ~ 1 +", paste(c("1", x), collapse = "+"), "+ (1",
						  if (length(slopes)) paste("+", paste(slopes, collapse = "+")), "| unit)"))
	environment(f) <- environment()
	m <- suppressWarnings(suppressMessages(
		lmer(f, d, REML = reml, weights = w, control = lmerControl(calc.derivs = FALSE))))
	ddf <- NA
	if (df && with_df)
	{
		a <- suppressWarnings(suppressMessages(lmerTest::lmer(f, d, REML = reml, weights = w)))
		ddf <- summary(a)$coefficients[, "df"]
	}
	L <- t(getME(m, "Tlist")[[1]])
	opts <- c(if (!reml) "ml", if (length(slopes)) c("slopes", paste(match(slopes, x), collapse = ",")))
	cat(name, paste0(name, ".txt"), paste(opts, collapse = " "),
		num(L[upper.tri(L, diag = TRUE)]),
		num(if (reml) lme4::REMLcrit(m) else deviance(m, REML = FALSE)),
		num(fixef(m)), num(sqrt(diag(as.matrix(vcov(m))))), num(ddf), sep = "|", file = out)
	cat("\n", file = out)
	invisible(m)
}

exam <- data.frame(unit = as.integer(Exam$school), w = 1, y = Exam$normexam, x1 = Exam$standLRT,
				   x2 = as.numeric(Exam$sex == "M"), x3 = Exam$schavg)
scots <- data.frame(unit = as.integer(ScotsSec$second), w = 1, y = ScotsSec$attain,
					x1 = ScotsSec$verbal, x2 = ScotsSec$social, x3 = as.numeric(ScotsSec$sex == "F"))
chem <- data.frame(unit = as.integer(Chem97$school), w = 1, y = Chem97$score, x1 = Chem97$gcsecnt)
for (reml in c(TRUE, FALSE))
{
	tag <- if (reml) "-reml" else "-ml"
	fit(paste0("exam", tag), exam, "x1", reml = reml, df = TRUE)
	fit(paste0("exam-context", tag), exam, c("x1", "x2", "x3"), reml = reml, df = TRUE)
	fit(paste0("scots", tag), scots, c("x1", "x2", "x3"), reml = reml, df = TRUE)
	fit(paste0("chem", tag), chem, "x1", reml = reml)
	fit(paste0("exam-slope", tag), exam, "x1", "x1", reml = reml, df = TRUE)
	fit(paste0("exam-2slopes", tag), exam, c("x1", "x2"), c("x1", "x2"), reml = reml, df = reml)
	fit(paste0("scots-slope", tag), scots, c("x1", "x2", "x3"), "x1", reml = reml)
	fit(paste0("scots-3slopes", tag), scots, c("x1", "x2", "x3"), c("x1", "x2", "x3"), reml = reml)
}
fit("chem-slope", chem, "x1", "x1")
set.seed(7)
weighted <- transform(exam, w = runif(nrow(exam), 0.2, 3))
fit("exam-weights", weighted, "x1")
fit("exam-weights-ml", weighted, "x1", reml = FALSE)
fit("exam-weights-slope", weighted, "x1", "x1")

# Designs of every kind: strong, weak and no slopes, odd scales, small units.
# theta stays below 20: lme4 forms A as a difference and loses theta^2 of its
# digits (at theta = 130 its coefficients are 3e-8 off 50-digit ones); truth.py
# goes further.
for (i in 1:24)
{
	J <- sample(c(8, 20, 60), 1)
	q <- sample(2:4, 1)
	n <- if (i %% 3 == 0) sample(1:6, J, TRUE) else sample(5:40, J, TRUE)
	unit <- rep(seq_len(J), n)
	N <- length(unit)
	scale <- c(1, if (i %% 4 == 0) 10^runif(3, -3, 3) else rep(1, 3))
	X <- sapply(1:3, function(k) (rnorm(N) + rnorm(J)[unit] * (k == 1) + (i %% 5 == 0) * 3) / scale[k + 1])
	B <- matrix(rnorm(q * q), q) * sample(c(0, 0.02, 0.3, 1, 4), 1)
	if (i %% 6 == 0) B[, q] <- 0
	u <- matrix(rnorm(J * q), J) %*% t(B)
	y <- 1 + drop(X %*% (scale[-1] * c(1, -1, 0.5))) + u[unit, 1] + rnorm(N)
	for (k in 2:q) y <- y + u[unit, k] * X[, k - 1] * scale[k]
	d <- data.frame(unit = unit, w = 1, y = y, X)
	names(d)[4:6] <- c("x1", "x2", "x3")
	if (N > J * q)
		fit(sprintf("design-%02d", i), d, c("x1", "x2", "x3"), c("x1", "x2", "x3")[seq_len(q - 1)], reml = i %% 2 == 0)
}

# profile intervals of the standard deviation, by lme4, under ML
m <- lmer(y ~ x1 + (1 | unit), exam, REML = FALSE)
ci <- suppressWarnings(suppressMessages(confint(profile(m, which = "theta_", signames = TRUE, delta.cutoff = 1 / 32))))
cat("profile", num(ci[".sig01", ]), sep = "|", file = out)
cat("\n", file = out)
close(out)
