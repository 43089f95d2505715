# Does an independent fit find the truth of the generated warehouse again?
#
#     PGDATABASE=... Rscript test/warehouse/recover.R [schema]
#
# Reads the leavers through psql (which takes PGHOST, PGPORT, PGUSER as usual),
# fits the random-intercept model with lme4 and asks of every school: do the 95%
# intervals contain the true effect for the years observed, and the lasting one?
# Ends with an error where the answers are not those of the model.
#
# Intervals are effect +- 1.96 times the *comparative* standard error: that of
# the effect given the coefficients, and that of the coefficients on top.
#
# The lasting effect is covered less often, and must be: the fit cannot tell what
# a school had in these years from what it keeps, so its intervals leave out the
# variance of the mean of the year effects, s2_year * sum(n_t^2) / n^2, which does
# not shrink with the number of pupils.  The share to expect follows from that
# and is printed beside the one found: about 74% at the defaults, 63% at icc = .1,
# where the year effects are larger beside the same pupils.

suppressPackageStartupMessages(library(lme4))

schema <- c(commandArgs(trailingOnly = TRUE), "warehouse")[1]
stopifnot(grepl("^[a-z_][a-z0-9_]*$", schema))

query <- function(sql) {
  command <- sprintf("psql -X -q -v ON_ERROR_STOP=1 -c %s",
                     shQuote(sprintf("COPY (%s) TO STDOUT WITH (FORMAT csv, HEADER)", sql)))
  read.csv(pipe(command), stringsAsFactors = FALSE)
}

leaver <- query(sprintf(
  "SELECT school_id, year, simd_decile, sex, asn::int AS asn, prior, tariff FROM %s.leaver
   WHERE prior IS NOT NULL AND tariff IS NOT NULL ORDER BY pupil_id", schema))
truth <- query(sprintf(
  "SELECT t.*, sum(y.leavers^2)/sum(y.leavers)^2 AS year_weight
   FROM %s.school_truth_observed t JOIN %s.school_year_truth y USING (school_id)
   GROUP BY 1, 2, 3, 4 ORDER BY 1", schema, schema))
coefficient <- query(sprintf("SELECT term, level, value FROM %s.coefficient_truth", schema))
parameter <- query(sprintf("SELECT name, value FROM %s.parameter", schema))
parameter <- setNames(parameter$value, parameter$name)

leaver$simd_decile <- factor(leaver$simd_decile)
leaver$sex <- factor(leaver$sex)
formula <- tariff ~ simd_decile + sex + asn + prior + (1 | school_id)
if (length(unique(leaver$year)) > 1) {
  leaver$year <- factor(leaver$year)
  formula <- update(formula, . ~ . + year)
}
m <- lmer(formula, leaver, REML = TRUE, control = lmerControl(calc.derivs = FALSE))

# effects, conditional and comparative standard errors
X <- getME(m, "X")
V <- as.matrix(vcov(m))
s2u <- VarCorr(m)$school_id[1]
s2e <- sigma(m)^2
n <- tabulate(match(leaver$school_id, truth$school_id), nrow(truth))
xbar <- rowsum(X, match(leaver$school_id, truth$school_id)) / n
reliability <- n * s2u / (n * s2u + s2e)
effect <- ranef(m)$school_id[as.character(truth$school_id), 1]
se <- sqrt(s2u * (1 - reliability) + reliability^2 * rowSums((xbar %*% V) * xbar))

covered <- function(true) mean(abs(effect - true) <= qnorm(.975) * se)
lasting_sd <- sqrt(se^2 + parameter[["year_sd"]]^2 * truth$year_weight)
expected_lasting <- mean(2 * pnorm(qnorm(.975) * se / lasting_sd) - 1)

# coefficients against the truth, in standard errors.  R takes the first level of
# a factor as reference: decile 1, F, the first year.
value <- function(term, level = "") coefficient$value[coefficient$term == term & coefficient$level == level]
first_year <- as.character(min(as.integer(coefficient$level[coefficient$term == "year"])))
true_of <- function(name) {
  if (name == "(Intercept)") value(name) + value("simd_decile", "1") + value("sex", "F") + value("year", first_year)
  else if (name == "prior") value("prior")
  else if (name == "asn") value("asn", "true")
  else if (name == "sexM") value("sex", "M") - value("sex", "F")
  else {
    term <- sub("[0-9]+$", "", name)
    value(term, sub(term, "", name)) - value(term, if (term == "year") first_year else "1")
  }
}
b <- fixef(m)
true_b <- sapply(names(b), true_of)
# a year's coefficient, and that of the first year in the intercept, also carries
# the mean of the school x year effects, which the model does not know of
years_in <- ifelse(names(b) == "(Intercept)", 1, ifelse(grepl("^year", names(b)), 2, 0))
b_se <- sqrt(diag(V) + years_in * parameter[["year_sd"]]^2 / nrow(truth))
z <- (b - true_b) / b_se
print(round(cbind(estimate = b, truth = true_b, se = b_se, z = z), 3))

expected_s2u <- parameter[["lasting_sd"]]^2 + parameter[["year_sd"]]^2 * mean(truth$year_weight)
result <- c(schools = nrow(truth), pupils = nrow(leaver),
            school_sd = sqrt(s2u), school_sd_expected = sqrt(expected_s2u), residual_sd = sqrt(s2e),
            mean_se = mean(se),
            covered_observed = covered(truth$observed_effect),
            rms_observed = sqrt(mean(((effect - truth$observed_effect) / se)^2)),
            covered_lasting = covered(truth$lasting_effect), covered_lasting_expected = expected_lasting,
            correlation_observed = cor(effect, truth$observed_effect))
print(round(result, 4))

# four standard errors of a share of schools, of a variance and of a coefficient
share_se <- function(p) sqrt(p * (1 - p) / nrow(truth))
stopifnot(
  "coefficients are more than 4.5 standard errors off" = all(abs(z) < 4.5),
  "years observed: coverage is not 95%" = abs(result["covered_observed"] - .95) < 4 * share_se(.95),
  "lasting effect: coverage is not what follows from the year effects" =
    abs(result["covered_lasting"] - expected_lasting) < 4 * share_se(expected_lasting),
  "the standard deviation of the school effect is off" =
    abs(s2u / expected_s2u - 1) < 4 * sqrt(2 / nrow(truth)))
cat("recovered\n")
