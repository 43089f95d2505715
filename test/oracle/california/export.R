# California's schools of 2000 out of package survey, into $SIPP_DIR/schools.csv;
# and, where lme4 is there, its effects of the same model into effects.csv.

dir <- Sys.getenv("SIPP_DIR")
data(api, package = "survey")
columns <- c("cds", "stype", "sname", "dnum", "cnum", "api99", "api00", "meals", "ell", "mobility",
             "avg.ed", "enroll", "api.stu")
write.csv(apipop[columns], file.path(dir, "schools.csv"), row.names = FALSE, na = "")

if (requireNamespace("lme4", quietly = TRUE)) {
  both <- with(apipop, data.frame(cds, stype, meals, ell, mobility, avg.ed, w = api.stu,
                                  api = c(api99, api00), year = rep(c("1999", "2000"), each = nrow(apipop))))
  effects <- lapply(split(both, both$stype), function(d) {
    fit <- lme4::lmer(api ~ meals + ell + mobility + avg.ed + year + (1 | cds), data = d, weights = w,
                      control = lme4::lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-12)))
    r <- lme4::ranef(fit, condVar = TRUE)$cds
    data.frame(cds = rownames(r), effect = r[[1]], se = sqrt(attr(r, "postVar")[1, 1, ]))
  })
  write.csv(do.call(rbind, effects), file.path(dir, "effects.csv"), row.names = FALSE)
}
