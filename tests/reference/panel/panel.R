# Reference values for the event study and for power (see README.md beside this file).
#
#   Rscript panel.R [FOLDER]
#
# Writes panel.csv, one_wave.csv, design.csv and expected.json into FOLDER, by default the one of this script.
args <- commandArgs(trailingOnly = TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
folder <- if (length(args) >= 1) args[1] else here

json_string <- function(s) paste0('"', gsub('(["\\\\])', "\\\\\\1", s), '"')
json <- function(x, indent = "") {
  deeper <- paste0(indent, "  ")
  if (is.list(x)) {
    body <- vapply(x, json, "", indent = deeper)
    if (!is.null(names(x))) body <- paste0(json_string(names(x)), ": ", body)
    brackets <- if (is.null(names(x))) c("[", "]") else c("{", "}")
    return(paste0(brackets[1], "\n", paste0(deeper, body, collapse = ",\n"), "\n", indent, brackets[2]))
  }
  if (is.character(x)) return(json_string(x))
  stopifnot(length(x) == 1, is.finite(x))
  sprintf("%.17g", x)
}
same <- function(a, b, tol = 1e-9) stopifnot(max(abs(a - b)) <= tol * max(1, abs(b)))
RNGkind("Mersenne-Twister", "Inversion", "Rejection")
set.seed(20266)

# ---- a staggered panel: 26 schools, 6 waves, some school-waves not seen ----------------------
onset <- c(rep(2, 4), rep(3, 6), rep(4, 5), rep(NA, 9), 0, 0)          # two are treated from the start
schools <- length(onset)
panel <- expand.grid(t = 0:5, j = seq_len(schools))
panel$onset <- onset[panel$j]
panel$n <- sample(12:180, nrow(panel), replace = TRUE)
panel$weight <- 1 / (0.06^2 + 0.6^2 / panel$n)
since <- panel$t - panel$onset
effect <- ifelse(!is.na(since) & since >= 0, 0.08 + 0.05 * since, 0)
panel$mean <- round(2.4 + 0.04 * panel$t + rnorm(schools, 0, 0.15)[panel$j] + effect +
                      rnorm(nrow(panel), 0, sqrt(1 / panel$weight)), 6)
panel$weight <- round(panel$weight, 6)
panel <- panel[-sample(which(panel$j > 1), 12), ]
panel$school_id <- sprintf("%04d", panel$j)
panel$wave <- as.character(2020 + panel$t)
panel$first_treated_wave <- ifelse(is.na(panel$onset), "", as.character(2020 + panel$onset))
columns <- c("school_id", "wave", "mean", "n", "weight", "first_treated_wave")
write.csv(panel[columns], file.path(folder, "panel.csv"), row.names = FALSE, quote = FALSE)

# What an estimator may use: treated schools seen before and after, others seen twice.
usable <- function(d) {
  ok <- vapply(split(d, d$school_id), function(s) {
    if (is.na(s$onset[1])) nrow(s) > 1 else any(s$t < s$onset) && any(s$t >= s$onset)
  }, TRUE)
  d[d$school_id %in% names(ok)[ok], ]
}
panel_used <- usable(panel)

# ---- imputation: lm with dummies on what is untreated, then the distance of what is treated --
imputation <- function(d, controls = "not_yet") {
  h <- d$t - d$onset
  treated <- !is.na(h) & h >= 0
  learn <- !treated & (controls == "not_yet" | is.na(d$onset))
  fit <- lm(mean ~ 0 + factor(school_id) + factor(t), data = d[!treated & learn, ], weights = weight)
  wave <- setNames(coef(fit)[paste0("factor(t)", 0:5)], 0:5)
  wave["0"] <- 0
  distance <- d$mean - wave[as.character(d$t)]
  level <- vapply(split(data.frame(distance, w = d$weight)[!treated, ], d$school_id[!treated]),
                  function(s) weighted.mean(s$distance, s$w), 0)
  effect <- (distance - level[d$school_id])[treated]
  w <- d$weight[treated]
  h <- h[treated]
  c(average = weighted.mean(effect, w), vapply(split(seq_along(h), h), function(i) weighted.mean(effect[i], w[i]), 0))
}

# ---- saturated: lm with an effect per cohort and wave, averaged by weights -------------------
saturated <- function(d) {
  h <- d$t - d$onset
  cell <- ifelse(is.na(h) | h == -1, "zero", paste(d$onset, h, sep = "|"))
  d$cell <- relevel(factor(cell), ref = "zero")
  fit <- lm(mean ~ factor(school_id) + factor(t) + cell, data = d, weights = weight)
  cells <- setdiff(levels(d$cell), "zero")
  delta <- coef(fit)[paste0("cell", cells)]
  share <- vapply(cells, function(k) sum(d$weight[d$cell == k]), 0)
  at <- as.integer(sub(".*\\|", "", cells))
  c(average = weighted.mean(delta[at >= 0], share[at >= 0]),
    vapply(split(seq_along(at), at), function(i) weighted.mean(delta[i], share[i]), 0))
}

# ---- CV3: each school left out in turn, and the model fitted again ---------------------------
leave_one_out <- function(d, estimator) {
  full <- estimator(d)
  ids <- unique(d$school_id)
  gone <- do.call(rbind, lapply(ids, function(id) estimator(d[d$school_id != id, ])[names(full)]))
  rownames(gone) <- ids
  deviation <- sweep(gone, 2, full)
  v <- (length(ids) - 1) / length(ids) * crossprod(deviation)
  list(estimate = full, v = v, deviation = deviation)
}
# Welch's df from what the schools with this effect, and all others, add to the variance.
welch <- function(x, name, means, comparisons, d = panel_used) {
  h <- d$t - d$onset
  has <- if (name == "average") !is.na(h) & h >= 0 else !is.na(h) & h == as.integer(name)
  here <- rownames(x$deviation) %in% d$school_id[has]
  parts <- c(sum(x$deviation[here, name]^2), sum(x$deviation[!here, name]^2))
  sum(parts)^2 / sum(parts^2 / c(sum(here) - means(unique(d$onset[has])), comparisons - 1))
}
told <- function(x, df = NULL) {
  error <- setNames(sqrt(diag(x$v)), names(x$estimate))
  c(list(estimate = as.list(x$estimate), std_error = as.list(error)), if (!is.null(df)) list(df = as.list(df)))
}

by_imputation <- leave_one_out(panel_used, imputation)
by_never <- leave_one_out(panel_used, function(d) imputation(d, "never"))
by_saturated <- leave_one_out(panel_used, saturated)

# the test of the leads, and its F by Hotelling with the schools of the smaller side
leads <- c("-4", "-3", "-2")
theta <- by_saturated$estimate[leads]
t2 <- drop(theta %*% solve(by_saturated$v[leads, leads], theta))
never <- length(unique(panel_used$school_id[is.na(panel_used$onset)]))
df_saturated <- vapply(names(by_saturated$estimate), function(k) welch(by_saturated, k, length, never), 0)
df_never <- vapply(names(by_never$estimate), function(k) welch(by_never, k, function(g) 1, never), 0)
df <- mean(df_saturated[leads])
q <- length(leads)
pre_trend <- list(t2 = t2, df = df, p = pf(t2 * (df - q + 1) / (q * df), q, df - q + 1, lower.tail = FALSE))

# ---- treated in one wave only: plain two-way fixed effects may be shown ----------------------
one <- panel_used[is.na(panel_used$onset) | panel_used$onset == 3, ]
write.csv(one[columns], file.path(folder, "one_wave.csv"), row.names = FALSE, quote = FALSE)
two_way <- function(d) {
  d$treated <- !is.na(d$onset) & d$t >= d$onset
  c(effect = unname(coef(lm(mean ~ factor(school_id) + factor(t) + treated, data = d, weights = weight))["treatedTRUE"]))
}
by_two_way <- leave_one_out(one, two_way)

# ---- complete and unweighted: by group means alone (Callaway & Sant'Anna's group-time effects) --
complete <- panel[!is.na(panel$t), ]
whole <- names(which(table(complete$school_id) == 6))
complete <- complete[complete$school_id %in% whole & (is.na(complete$onset) | complete$onset > 0), ]
m_at <- function(cohort, t) {
  mean(complete$mean[(if (is.na(cohort)) is.na(complete$onset) else complete$onset %in% cohort) & complete$t == t])
}
att <- function(g, t) (m_at(g, t) - m_at(g, g - 1)) - (m_at(NA, t) - m_at(NA, g - 1))
group_time <- list()
for (h in -4:3) {
  g <- sort(unique(complete$onset[!is.na(complete$onset)]))
  g <- g[g + h >= 0 & g + h <= 5]
  if (h == -1 || length(g) == 0) next
  size <- vapply(g, function(k) length(unique(complete$school_id[complete$onset %in% k])), 1)
  group_time[[as.character(h)]] <- weighted.mean(vapply(g, function(k) att(k, k + h), 0), size)
}
flat <- complete
flat$weight <- 1
same(saturated(flat)[names(group_time)], unlist(group_time))

# ---- power: errors of generalised least squares from the covariance matrix of single answers ---
design <- expand.grid(t = 0:2, j = 1:12)
design <- design[-c(5, 30), ]
design$answers <- sample(4:16, nrow(design), replace = TRUE)
design$exposure <- round(runif(nrow(design), 2, 24), 3)
design$school_id <- sprintf("%04d", design$j)
design$wave <- as.character(2024 + design$t)
write.csv(design[c("school_id", "wave", "answers", "exposure")], file.path(folder, "design.csv"),
          row.names = FALSE, quote = FALSE)
sd_school <- 0.14; sd_school_wave <- 0.06; sd_person <- 0.55
people <- design[rep(seq_len(nrow(design)), design$answers), ]
between <- ave(design$exposure, design$j)
people$between <- rep(between, design$answers)
people$within <- people$exposure - people$between
x <- model.matrix(~ factor(t) + within + between, people)
v <- sd_school^2 * outer(people$j, people$j, "==") + sd_person^2 * diag(nrow(people)) +
  sd_school_wave^2 * outer(paste(people$j, people$t), paste(people$j, people$t), "==")
error <- sqrt(diag(solve(t(x) %*% solve(v, x))))
df <- nrow(design) - 12 - 3
noncentral <- function(effect, se, df) {
  critical <- qt(0.975, df)
  pt(-critical, df, effect / se) + pt(critical, df, effect / se, lower.tail = FALSE)
}
smallest <- function(se, df) uniroot(function(b) noncentral(b, se, df) - 0.8, c(0, 20 * se), tol = 1e-14)$root

# Two waves, exposure up by 2 in half of the schools and by none in the others: a t test of changes.
half <- 15; answers <- 25
sd_change <- sqrt(2 * (sd_school_wave^2 + sd_person^2 / answers))
t_test <- power.t.test(n = half, delta = 2 * 0.05, sd = sd_change, strict = TRUE, tol = 1e-14)$power
needed <- power.t.test(n = half, power = 0.8, sd = sd_change, strict = TRUE, tol = 1e-14)$delta / 2

writeLines(json(list(
  about = "Made by panel.R; see README.md. The data are simulated.",
  r_version = R.version.string,
  imputation = told(by_imputation),
  imputation_never = told(by_never, df_never),
  saturated = told(by_saturated, df_saturated),
  pre_trend = pre_trend,
  two_way = told(by_two_way),
  group_time = group_time,
  power = list(
    sd_school = sd_school, sd_school_wave = sd_school_wave, sd_person = sd_person,
    se_within = unname(error["within"]), se_between = unname(error["between"]), df = df,
    power_at_0.02 = noncentral(0.02, error["within"], df), smallest_effect = smallest(error["within"], df),
    two_waves = list(half = half, answers = answers, power_at_0.05 = t_test, smallest_effect = needed)
  )
)), file.path(folder, "expected.json"))
