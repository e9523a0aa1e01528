# Reference values for times with open cases (see README.md beside this file).
#
#   Rscript time_to_event.R [OUTPUT_FOLDER]
#
# Writes cases.csv and expected.json beside this script, or to OUTPUT_FOLDER.
suppressPackageStartupMessages(library(survival))

args <- commandArgs(trailingOnly = TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
out <- if (length(args) >= 1) args[1] else here

json <- function(x) {
  if (is.list(x)) return(paste0("{", paste0('"', names(x), '": ', vapply(x, json, ""), collapse = ",\n"), "}"))
  text <- ifelse(is.finite(x), sprintf("%.17g", x), "null")
  if (length(x) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}

cases <- function(name, duration, observed) data.frame(set = name, duration, observed = as.integer(observed))
set.seed(83)
drawn <- function(name, size, shape, scale, last) {
  ends <- ceiling(rweibull(size, shape, scale))
  followed <- ceiling(runif(size, 0, last))
  cases(name, pmin(ends, followed), ends <= followed)
}
sets <- list(
  many = drawn("many", 300, 1.3, 150, 500),          # ties, and cases that were closed on the day another was lost
  few = drawn("few", 12, 1.0, 100, 300),
  slow = drawn("slow", 40, 0.9, 900, 365),           # more than half are open: no median
  all_closed = cases("all_closed", c(3, 3, 5, 8, 8, 8, 13, 21, 34, 55), TRUE),
  flat_half = cases("flat_half", c(2, 4, 7, 9, 12, 15, 20, 30), c(1, 1, 1, 1, 0, 0, 1, 1)),  # stays at one half for a while
  first_day = cases("first_day", c(0, 0, 0, 1, 2, 2, 5, 9), c(1, 1, 0, 1, 1, 0, 1, 0)),
  open = cases("open", c(4, 9, 16), FALSE),
  one = cases("one", 7, TRUE)
)
write.csv(do.call(rbind, sets), file.path(out, "cases.csv"), row.names = FALSE, quote = FALSE)

days <- c(1, 8, 30, 90, 180)
expected <- lapply(sets, function(set) {
  fit <- survfit(Surv(duration, observed) ~ 1, data = set, conf.type = "log-log")
  middle <- quantile(fit, 0.5)
  known <- days[days <= max(set$duration) | min(fit$surv) == 0]
  at <- summary(fit, times = known, extend = TRUE)
  list(n = nrow(set), events = sum(set$observed), time = fit$time, at_risk = fit$n.risk, closed = fit$n.event,
       open = fit$n.censor, survival = fit$surv, std_error = fit$surv * fit$std.err, conf_low = fit$lower,
       conf_high = fit$upper, median = middle$quantile[[1]], median_low = middle$lower[[1]],
       median_high = middle$upper[[1]],
       days = known, at_survival = at$surv, at_std_error = at$std.err, at_low = at$lower, at_high = at$upper)
})
writeLines(json(expected), file.path(out, "expected.json"))
