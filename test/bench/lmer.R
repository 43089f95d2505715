# The same model in R, timed from reading the exported table to the effects.
#	Rscript lmer.R usual|tuned DATA EFFECTS
suppressMessages({library(lme4); library(data.table)})
a <- commandArgs(TRUE)
began <- proc.time()[["elapsed"]]
if (a[1] == "usual") {
	d <- read.csv(a[2])
	m <- lmer(y ~ x1 + x2 + x3 + x4 + (1 | school_id), d)
} else {
	d <- fread(a[2], col.names = c("school_id", "y", "x1", "x2", "x3", "x4"))
	m <- lmer(y ~ x1 + x2 + x3 + x4 + (1 | school_id), d, control = lmerControl(calc.derivs = FALSE))
}
u <- ranef(m)$school_id
cat(1000 * (proc.time()[["elapsed"]] - began), "\n")
write.table(data.frame(rownames(u), u[[1]]), a[3], sep = "\t", quote = FALSE, row.names = FALSE, col.names = FALSE)
