# Reference values for quantiles of times and their limits (see README.md beside this file).
#
#   Rscript quantiles.R [OUTPUT_FOLDER]
#
# Writes minutes.csv and expected.json beside this script, or to OUTPUT_FOLDER.
suppressPackageStartupMessages(library(survey))

args <- commandArgs(trailingOnly = TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
out <- if (length(args) >= 1) args[1] else here

json <- function(x) {
  if (is.list(x)) return(paste0("{", paste0('"', names(x), '": ', vapply(x, json, ""), collapse = ",\n"), "}"))
  text <- ifelse(is.na(x), "null", sprintf("%.17g", x))
  if (length(x) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}

# ---- minutes of calls at eight schools that differ; to the second, so that some are equal ------
set.seed(8)
sizes <- c(5, 6, 17, 35, 36, 48, 90, 163)
school <- rep(sprintf("%02d", seq_along(sizes)), sizes)
level <- rnorm(length(sizes), log(6), 0.3)
minutes <- round(60 * exp(rep(level, sizes) + rnorm(sum(sizes), 0, 0.7))) / 60
write.csv(data.frame(school_id = school, minutes = sprintf("%.17g", minutes)), file.path(out, "minutes.csv"),
          row.names = FALSE, quote = FALSE)
minutes <- read.csv(file.path(out, "minutes.csv"))$minutes

# ---- one school: the order statistics whose ranks leave 2.5 % on each side, found by counting ---
order_limits <- function(x, p) {
  n <- length(x)
  below <- which(vapply(seq_len(n), function(l) sum(dbinom(0:(l - 1), n, p)) <= 0.025, TRUE))
  above <- which(vapply(seq_len(n), function(u) sum(dbinom(u:n, n, p)) <= 0.025, TRUE))
  if (length(below) == 0 || length(above) == 0) return(c(NA, NA, NA))
  l <- max(below)
  u <- min(above)
  c(sort(x)[l], sort(x)[u], sum(dbinom(l:(u - 1), n, p)))
}
of_school <- function(s) {
  x <- minutes[school == s]
  both <- lapply(c(0.5, 0.9), function(p) {
    limits <- order_limits(x, p)
    list(estimate = quantile(x, p, type = 7)[[1]], conf_low = limits[1], conf_high = limits[2], covers = limits[3])
  })
  list(n = length(x), median = both[[1]], p90 = both[[2]])
}
schools <- sort(unique(school))
expected <- list(schools = setNames(lapply(schools, of_school), schools))

# ---- the district: schools as clusters -------------------------------------------------------
design <- svydesign(id = ~school, weights = ~one, data = data.frame(school, minutes, one = 1))
made <- svyquantile(~minutes, design, c(0.5, 0.9), interval.type = "mean", qrule = "hf7", df = length(sizes) - 1)$minutes
limits <- function(row) list(estimate = made[row, "quantile"], conf_low = made[row, 2], conf_high = made[row, 3])
expected$district <- list(n = length(minutes), median = limits(1), p90 = limits(2))
expected$all_calls <- lapply(list(median = 0.5, p90 = 0.9), function(p) {
  found <- order_limits(minutes, p)
  list(conf_low = found[1], conf_high = found[2], covers = found[3])
})
writeLines(json(expected), file.path(out, "expected.json"))
