# Reference values for contacts: small counts, disparity, kappa, officers, trend (see README.md beside this file).
#
#   Rscript contacts.R [OUTPUT_FOLDER]
#
# Writes ratios.csv, coded.csv, people.csv, log.csv and expected.json beside this script, or to OUTPUT_FOLDER.
suppressPackageStartupMessages({library(clubSandwich); library(epitools); library(psych); library(metafor)})

args <- commandArgs(trailingOnly = TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
out <- if (length(args) >= 1) args[1] else here

json <- function(x) {
  if (is.list(x)) return(paste0("{", paste0('"', names(x), '": ', vapply(x, json, ""), collapse = ",\n"), "}"))
  text <- ifelse(is.na(x), "null", ifelse(is.infinite(x), "1e999", sprintf("%.17g", x)))
  if (length(x) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}
root <- function(f, low, high) uniroot(f, c(low, high), tol = 1e-14, maxiter = 10000)$root

# ---- one share, one rate, two rates, two shares -------------------------------------------------
cells <- data.frame(x = c(3, 0, 12, 25, 1, 40, 7), n = c(60, 40, 90, 31, 8, 400, 200),
                    y = c(14, 9, 30, 20, 5, 35, 0), m = c(300, 120, 240, 45, 77, 900, 150))
write.csv(cells, file.path(out, "ratios.csv"), row.names = FALSE, quote = FALSE)

above <- function(x, n, p) pbinom(x, n, p, lower.tail = FALSE) + dbinom(x, n, p) / 2
share_limits <- function(x, n) {
  c(if (x == 0) 0 else root(function(p) above(x, n, p) - 0.025, 1e-12, 1 - 1e-12),
    if (x == n) 1 else root(function(p) 1 - above(x, n, p) - 0.025, 1e-12, 1 - 1e-12))
}
rate_limits <- function(x, t) {
  over <- function(mean) ppois(x, mean, lower.tail = FALSE) + dpois(x, mean) / 2
  c(if (x == 0) 0 else root(function(m) over(m) - 0.025, 1e-12, x), root(function(m) 1 - over(m) - 0.025, x, 3 * x + 30)) / t
}
# epitools searches its limits to 1e-4 only; its p-value is exact.
ratio_p <- function(x, n, y, m) rateratio.midp(c(y, x), c(m, n))$p.value[2, "midp.exact"]
ratio_epitools <- function(x, n, y, m) rateratio.midp(c(y, x), c(m, n))$measure[2, c("lower", "upper")]
ratio_limits <- function(x, n, y, m) {
  odds <- function(p) p / (1 - p) * m / n
  odds(share_limits(x, x + y))
}
score <- function(ratio, x, n, y, m) {
  a <- (n + m) * ratio
  b <- n * ratio + x + m + y * ratio
  p0 <- (b - sqrt(b^2 - 4 * a * (x + y))) / (2 * a)
  p1 <- ratio * p0
  (x - n * p1)^2 / (n * p1 * (1 - p1)) + (y - m * p0)^2 / (m * p0 * (1 - p0))
}
score_limits <- function(x, n, y, m) {
  reach <- function(l) score(exp(l), x, n, y, m) - qchisq(0.95, 1)
  at <- log((if (x == 0) 0.5 else x) / n) - log((if (y == 0) 0.5 else y) / m)
  c(if (x == 0) 0 else exp(root(reach, at - 8, at)), if (y == 0) Inf else exp(root(reach, at, at + 8)))
}
each <- function(f, ...) t(mapply(f, ...))
expected <- list()
with(cells, {
  limits <- each(share_limits, x, n)
  expected$share <<- list(conf_low = limits[, 1], conf_high = limits[, 2])
  limits <- each(rate_limits, x, n)
  expected$rate <<- list(conf_low = limits[, 1], conf_high = limits[, 2])
  limits <- each(ratio_limits, x, n, y, m)
  near <- each(ratio_epitools, x[1:6], n[1:6], y[1:6], m[1:6])
  expected$rate_ratio <<- list(conf_low = limits[, 1], conf_high = limits[, 2], p_value = mapply(ratio_p, x, n, y, m),
                               epitools_low = near[, 1], epitools_high = near[, 2])
  limits <- each(score_limits, x, n, y, m)
  p <- mapply(function(x, n, y, m) suppressWarnings(prop.test(c(x, y), c(n, m), correct = FALSE)$p.value), x, n, y, m)
  expected$share_ratio <<- list(conf_low = limits[, 1], conf_high = limits[, 2], p_value = p)
})

# ---- a district of 12 schools, three groups; officers; classes by two people --------------------
set.seed(83)
schools <- sprintf("%04d", 1:12)
people <- expand.grid(school_id = schools, group = c("1", "2", "3"), stringsAsFactors = FALSE)
people$people <- rpois(36, c(60, 120, 260)[as.integer(people$group)] * runif(12, 0.4, 1.6)[match(people$school_id, schools)])
people$events <- rpois(36, people$people * 0.09 * c(1.7, 1, 1)[as.integer(people$group)] *
                         exp(rnorm(36, 0, 0.35)) * runif(12, 0.6, 1.4)[match(people$school_id, schools)])
log <- people[rep(seq_len(36), people$events), c("school_id", "group")]
log$officer_key <- paste0("officer_", (match(log$school_id, schools) - 1) %/% 2 * 2 + sample(1:2, nrow(log), TRUE))
log$wave <- sample(c("2024", "2025", "2026"), nrow(log), TRUE)
log$routine <- rbinom(nrow(log), 1, 0.25 + 0.06 * (as.numeric(log$wave) - 2024))
log$routine[sample(nrow(log), 20)] <- NA
write.csv(people, file.path(out, "people.csv"), row.names = FALSE, quote = FALSE)
write.csv(log, file.path(out, "log.csv"), row.names = FALSE, quote = FALSE, na = "")

district <- aggregate(cbind(events, people) ~ group, people, sum)
others <- data.frame(events = sum(district$events) - district$events, people = sum(district$people) - district$people)
limits <- each(ratio_limits, district$events, district$people, others$events, others$people)
p <- mapply(ratio_p, district$events, district$people, others$events, others$people)
expected$district <- list(estimate = district$events / district$people / (others$events / others$people),
                          conf_low = limits[, 1], conf_high = limits[, 2], p_value = p, p_adjusted = p.adjust(p, "BH"))

clustered <- list()
for (g in district$group) {
  log$inside <- as.numeric(log$group == g)
  fit <- lm(inside ~ 1, log)
  found <- coef_test(fit, vcov = "CR2", cluster = log$officer_key, test = "Satterthwaite")
  q <- found$beta
  error <- found$SE / (q * (1 - q))
  ratio <- q / (1 - q) * others$people[district$group == g] / district$people[district$group == g]
  limits <- ratio * exp(c(-1, 1) * qt(0.975, found$df_Satt) * error)
  clustered[[g]] <- list(events = nrow(log), officers = length(unique(log$officer_key)), estimate = ratio,
                         std_error = error, df = found$df_Satt, conf_low = limits[1], conf_high = limits[2],
                         p_value = 2 * pt(-abs(log(ratio)) / error, found$df_Satt))
}
expected$officers <- clustered

# Steps from the Mantel-Haenszel ratio of group 1, shrunken by REML.
one <- people[people$group == "1", ]
all <- aggregate(cbind(events, people) ~ school_id, people, sum)
y <- all$events - one$events
m <- all$people - one$people
common <- sum(one$events * m / all$people) / sum(y * one$people / all$people)
share <- common * one$people / (common * one$people + m)
v <- all$events * share * (1 - share)
step <- log(common) + (one$events - all$events * share) / v
fit <- rma(yi = step, vi = 1 / v, method = "REML", control = list(threshold = 1e-12, maxiter = 10000))
expected$shrunken <- list(common = common, tau2 = fit$tau2, log_estimate = unname(blup(fit)$pred))

known <- log[!is.na(log$routine), ]
known$at <- as.numeric(known$wave) - 2024
known$within <- known$at - ave(known$at, known$school_id)
found <- coef_test(lm(routine ~ within, known), vcov = "CR2", cluster = known$school_id, test = "Satterthwaite",
                   coefs = "within")
fixed <- unname(coef(lm(routine ~ at + school_id, known))["at"])
limits <- found$beta + c(-1, 1) * qt(0.975, found$df_Satt) * found$SE
expected$trend <- list(n = nrow(known), estimate = found$beta, std_error = found$SE, conf_low = limits[1],
                       conf_high = limits[2], with_school_effects = fixed)

# ---- kappa: two classes, and three ---------------------------------------------------------------
kappa <- function(first, second) {
  classes <- sort(unique(c(first, second)))
  p <- table(factor(first, classes), factor(second, classes)) / length(first)
  a <- rowSums(p)
  b <- colSums(p)
  po <- sum(diag(p))
  pe <- sum(a * b)
  off <- p * outer(b, a, function(i, j) i + j)^2
  v <- (sum(diag(p) * ((1 - pe) - (b + a) * (1 - po))^2) + (1 - po)^2 * (sum(off) - sum(diag(off))) -
          (po * pe - 2 * pe + po)^2) / (length(first) * (1 - pe)^4)
  by_psych <- cohen.kappa(data.frame(first, second))
  stopifnot(abs(by_psych$kappa - (po - pe) / (1 - pe)) < 1e-12)
  list(n = length(first), agreement = po, estimate = by_psych$kappa, std_error = sqrt(v),
       psych_std_error = sqrt(by_psych$var.kappa))
}
first <- sample(c("r", "s"), 80, TRUE, c(0.35, 0.65))
second <- ifelse(runif(80) < 0.15, ifelse(first == "r", "s", "r"), first)
third <- sample(c("a", "b", "c"), 80, TRUE, c(0.5, 0.3, 0.2))
fourth <- ifelse(runif(80) < 0.3, sample(c("a", "b", "c"), 80, TRUE), third)
write.csv(data.frame(first, second, third, fourth), file.path(out, "coded.csv"), row.names = FALSE, quote = FALSE)
expected$kappa_two <- kappa(first, second)
expected$kappa_three <- kappa(third, fourth)
writeLines(json(expected), file.path(out, "expected.json"))
