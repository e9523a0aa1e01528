# Reference values for the rubric (see README.md beside this file).
#
#   Rscript rubric.R [OUTPUT_FOLDER]
#
# Writes criteria.csv and expected.json beside this script, or to OUTPUT_FOLDER. Base R only.
args <- commandArgs(trailingOnly = TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
out <- if (length(args) >= 1) args[1] else here

json <- function(x) {
  if (is.list(x)) return(paste0("{", paste0('"', names(x), '": ', vapply(x, json, ""), collapse = ",\n"), "}"))
  stopifnot(is.finite(x))
  text <- sprintf("%.17g", x)
  if (length(x) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}

# Estimates between, near and beyond both ends; higher and lower better; one counted in full, one not known.
criteria <- data.frame(
  criterion = c("trust", "fairness", "training", "boundary", "equity", "outreach", "complaints", "drills"),
  direction = c("higher", "higher", "higher", "lower", "lower", "higher", "higher", "higher"),
  none = c(1.5, 1.5, 0.4, 0.5, 3, 0, 0.3, 0.5),
  full = c(3.5, 3.5, 1, 0, 1, 25, 1, 1),
  first = c(2.5, 2.5, 0.7, 0.25, 2, 8, 0.6, 0.75),
  second = c(3, 3, 0.9, 0.1, 1.25, 16, 0.9, 0.95),
  weight = c(0.22, 0.18, 0.14, 0.12, 0.12, 0.10, 0.07, 0.05),
  least = c(0.10, 0.08, 0.05, 0.05, 0.05, 0.02, 0.02, 0.01),
  most = c(0.40, 0.35, 0.30, 0.25, 0.30, 0.20, 0.20, 0.10),
  value = c(2.71, 3.46, 0.98, 0.31, 3.1, 14.2, 0.42, NA),
  error = c(0.05, 0.06, 0.03, 0.04, 0.35, NA, 0.09, NA),
  value_later = c(2.80, 3.47, 0.99, 0.20, 2.4, 15.0, 0.55, 0.9)
)
write.csv(criteria, file.path(out, "criteria.csv"), row.names = FALSE, quote = FALSE, na = "")

part_of <- function(x, none, full) pmin(pmax((x - none) / (full - none), 0), 1)
known <- criteria[!is.na(criteria$value), ]
known$part <- part_of(known$value, known$none, known$full)

# The error of a part: moments of the cut-off part of a normal variable, by numerical integration piece by piece.
error_of <- function(value, error, none, full) {
  if (is.na(error)) return(0)
  moment <- function(power) {
    f <- function(x) part_of(x, none, full)^power * dnorm(x, value, error)
    edges <- sort(c(value + c(-10, -5, 0, 5, 10) * error, none, full))
    sum(mapply(function(a, b) integrate(f, a, b, rel.tol = 1e-13, abs.tol = 1e-15)$value, head(edges, -1), edges[-1]))
  }
  sqrt(moment(2) - moment(1)^2)
}
known$std_error <- mapply(error_of, known$value, known$error, known$none, known$full)

# Bands: probability of each, in the better direction.
bands <- lapply(seq_len(nrow(known)), function(i) {
  k <- known[i, ]
  sign <- if (k$direction == "higher") 1 else -1
  reached <- if (is.na(k$error)) as.numeric(sign * (k$value - c(k$first, k$second)) >= 0) else
    pnorm(sign * (k$value - c(k$first, k$second)) / k$error)
  -diff(c(1, reached, 0))
})
names(bands) <- known$criterion

share <- known$weight / sum(known$weight)
score <- sum(share * known$part)

# Where no part is cut off, limits are those of a normal variable.
inside <- known[known$criterion %in% c("trust", "boundary"), ]
part_inside <- sum(inside$weight * inside$part) / sum(inside$weight)
error_inside <- sqrt(sum((inside$weight * inside$error / (inside$full - inside$none))^2)) / sum(inside$weight)

# Weights within bounds, no criterion missing: fill up from the best part (or the worst) what is left after the least.
filled <- function(part, low, high, decreasing) {
  w <- low
  for (i in order(part, decreasing = decreasing)) w[i] <- w[i] + min(high[i] - low[i], 1 - sum(w))
  sum(w * part)
}
# With criteria missing: the known weights sum to s, the missing ones to 1 - s. For each s the same filling gives the
# least or greatest mean over the known; the best s is searched.
range_of <- function(part, low, high) {
  is_known <- !is.na(part)
  s_low <- max(sum(low[is_known]), 1 - sum(high[!is_known]))
  s_high <- min(sum(high[is_known]), 1 - sum(low[!is_known]))
  at <- function(s, decreasing) {
    w <- low[is_known]; p <- part[is_known]; h <- high[is_known]
    for (i in order(p, decreasing = decreasing)) w[i] <- w[i] + min(h[i] - w[i], s - sum(w))
    sum(w * p) / s
  }
  # Monotone between the points at which a weight is full; the ends and all such points are tried.
  points <- function(decreasing) {
    w <- low[is_known]; h <- high[is_known]
    steps <- sum(w) + cumsum((h - w)[order(part[is_known], decreasing = decreasing)])
    s <- c(s_low, s_high, steps)
    s[s >= s_low & s <= s_high]
  }
  c(min(sapply(points(FALSE), at, decreasing = FALSE)), max(sapply(points(TRUE), at, decreasing = TRUE)))
}
part <- part_of(criteria$value, criteria$none, criteria$full)
later <- part_of(criteria$value_later, criteria$none, criteria$full)
stopifnot(abs(range_of(later, criteria$least, criteria$most)[1] -
  filled(later, criteria$least, criteria$most, FALSE)) < 1e-12)

expected <- list(
  part = setNames(as.list(known$part), known$criterion),
  std_error = setNames(as.list(known$std_error), known$criterion),
  bands = bands,
  score = score,
  score_error = sqrt(sum((share * known$std_error)^2)),
  known_weight = sum(known$weight),
  inside = list(score = part_inside, std_error = error_inside, conf_low = part_inside - qnorm(0.975) * error_inside,
                conf_high = part_inside + qnorm(0.975) * error_inside),
  all_weights = range(known$part),
  declared_weights = range_of(part, criteria$least, criteria$most),
  later_declared_weights = c(filled(later, criteria$least, criteria$most, FALSE),
                             filled(later, criteria$least, criteria$most, TRUE)),
  change_all_weights = range((later - part)[!is.na(part)]),
  change_declared_weights = range_of(later - part, criteria$least, criteria$most)
)
writeLines(json(expected), file.path(out, "expected.json"))
