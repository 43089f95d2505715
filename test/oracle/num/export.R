# Writes the data sets of package mlmRev as the driver reads them, into the
# directory given: "unit weight y x.." with every digit of the doubles.
suppressMessages(library(mlmRev))
dir <- commandArgs(TRUE)[1]
write_set <- function(name, unit, y, x, w = rep(1, length(y)))
{
	u <- match(unit, unique(sort(unit))) - 1
	m <- cbind(u, w, y, x)
	f <- file(file.path(dir, paste0(name, ".txt")), "w")
	cat(nrow(m), ncol(x), 0, "\n", file = f)
	writeLines(apply(m, 1, function(r) paste(sprintf("%.17g", r), collapse = " ")), f)
	close(f)
}
write_set("exam", as.integer(Exam$school), Exam$normexam, cbind(Exam$standLRT))
write_set("scotssec", as.integer(ScotsSec$second), ScotsSec$attain,
		  cbind(ScotsSec$verbal, ScotsSec$social, as.integer(ScotsSec$sex == "F")))
write_set("chem97", as.integer(Chem97$school), Chem97$score, cbind(Chem97$gcsecnt))
