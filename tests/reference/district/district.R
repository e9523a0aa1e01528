# A simulated district of 12 schools over 3 waves, and R's answers for it (see README.md).
#
#   Rscript district.R [OUTPUT_FOLDER]
#
# Writes responses.csv, schools.csv and expected.json beside this script, or to OUTPUT_FOLDER.
suppressPackageStartupMessages({
  library(survey)
  library(lmerTest)
  library(pbkrtest)
  library(clubSandwich)
})
options(survey.lonely.psu = "fail")

args <- commandArgs(trailingOnly = TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
out <- if (length(args) >= 1) args[1] else here

# ---- JSON with 17 significant digits; jsonlite stops at 15 --------------------------------
json_string <- function(s) paste0('"', gsub('(["\\\\])', "\\\\\\1", s), '"')
json <- function(x, indent = "") {
  deeper <- paste0(indent, "  ")
  if (is.list(x)) {
    body <- vapply(x, json, "", indent = deeper)
    if (!is.null(names(x))) body <- paste0(json_string(names(x)), ": ", body)
    brackets <- if (is.null(names(x))) c("[", "]") else c("{", "}")
    return(paste0(brackets[1], "\n", paste0(deeper, body, collapse = ",\n"), "\n", indent, brackets[2]))
  }
  one <- function(v) {
    if (is.na(v)) return("null")
    if (is.character(v)) return(json_string(v))
    if (is.logical(v)) return(tolower(as.character(v)))
    if (!is.finite(v)) stop("not a finite number: JSON has no place for it")
    sprintf("%.17g", v)
  }
  # a single value as it is; I(x) keeps a vector a list even when it has one element
  if (length(x) == 1 && !inherits(x, "AsIs")) return(one(x))
  paste0("[", paste(vapply(x, one, ""), collapse = ", "), "]")
}
same <- function(a, b, tol = 1e-12) {
  a <- as.numeric(a)
  b <- as.numeric(b)
  stopifnot(length(a) == length(b), max(abs(a - b)) <= tol * max(1, abs(b)))
}

# ---- simulate ----------------------------------------------------------------------------
RNGkind("Mersenne-Twister", "Inversion", "Rejection")
set.seed(20261)
ids <- c("0101", "0102", "0103", "0104", "0205", "0206", "0207", "0208", "0309", "0310", "0311", "0312")
waves <- c(2023L, 2024L, 2025L)
last_n <- c(8, 11, 18, 24, 35, 46, 60, 75, 95, 120, 150, 180)   # respondents in the last wave
response_rate <- c(.50, .79, .90, .30, .62, .45, .71, .55, .80, .40, .66, .58)
G <- length(ids)

schools <- expand.grid(wave = waves, school_id = ids, stringsAsFactors = FALSE)[, c("school_id", "wave")]
j <- match(schools$school_id, ids)
n_rows <- ifelse(schools$wave == 2025L, last_n[j], pmax(8, round(last_n[j] * runif(nrow(schools), .75, 1.2))))
schools$enrolment <- ceiling(n_rows / response_rate[j])
usual_hours <- runif(G, 0.5, 5.5)
schools$outreach_hours_per_100_students <- round(pmax(0, usual_hours[j] + rnorm(nrow(schools), 0, 0.9)), 2)

row <- rep(seq_len(nrow(schools)), n_rows)
responses <- schools[row, c("school_id", "wave")]
to_scale <- function(x) pmin(4, pmax(1, round(4 * x) / 4))
mean_hours <- ave(schools$outreach_hours_per_100_students, schools$school_id)
school_effect <- rnorm(G, 0, 0.22)
wave_effect <- rnorm(nrow(schools), 0, 0.14)
expected_score <- 2.35 + 0.05 * (schools$wave - 2023) + 0.10 * mean_hours +
  0.07 * (schools$outreach_hours_per_100_students - mean_hours) + school_effect[j] + wave_effect
responses$score <- to_scale(expected_score[row] + rnorm(length(row), 0, 0.62))
responses$score_flat <- to_scale(2.7 + rnorm(length(row), 0, 0.62))   # no school effect of any kind
gone <- runif(length(row)) < 0.04                                   # about 4 % have no score
responses$score[gone] <- NA
responses$score_flat[gone] <- NA
rownames(responses) <- NULL
write.csv(responses, file.path(out, "responses.csv"), row.names = FALSE, na = "", quote = FALSE, eol = "\n")
write.csv(schools, file.path(out, "schools.csv"), row.names = FALSE, quote = FALSE, eol = "\n")

# from here on, work from the files as a reader gets them
as_text <- c(school_id = "character")
responses <- read.csv(file.path(out, "responses.csv"), colClasses = as_text)
schools <- read.csv(file.path(out, "schools.csv"), colClasses = as_text)
stopifnot(all(nchar(responses$school_id) == 4))
all_rows <- merge(responses, schools, by = c("school_id", "wave"), sort = FALSE)
all_rows$high <- as.numeric(all_rows$score > 2.5)
d <- all_rows[!is.na(all_rows$score), ]     # a row without a score is not a respondent
stopifnot(all(table(d$school_id, d$wave) <= xtabs(enrolment ~ school_id + wave, schools)))
t_interval <- function(estimate, se, df) estimate + c(-1, 1) * qt(0.975, df) * se

# schools as strata: everyone enrolled is the population, each respondent a draw from it
stratified <- function(w) svydesign(ids = ~1, strata = ~school_id, fpc = ~enrolment, data = d[d$wave == w, ])
first <- stratified(2023L)
last <- stratified(2025L)
per_school <- function(design) {
  mean_by <- svyby(~score, ~school_id, design, svymean, covmat = TRUE)
  high_by <- svyby(~high, ~school_id, design, svymean, covmat = TRUE)
  x <- design$variables
  one <- data.frame(
    n = as.vector(table(x$school_id)), N = as.vector(tapply(x$enrolment, x$school_id, unique)),
    mean = coef(mean_by), se = as.vector(SE(mean_by)),
    share = coef(high_by), share_se = as.vector(SE(high_by)), row.names = mean_by$school_id
  )
  # the same by formula
  s2 <- as.vector(tapply(x$score, x$school_id, var))
  same(one$mean, tapply(x$score, x$school_id, mean))
  same(one$se, sqrt((1 - one$n / one$N) * s2 / one$n))
  same(one$share_se, sqrt((1 - one$n / one$N) * one$share * (1 - one$share) / (one$n - 1)))
  attr(one, "svyby") <- mean_by
  attr(one, "svyby_high") <- high_by
  one
}
now <- per_school(last)
before <- per_school(first)
stopifnot(identical(rownames(now), ids), identical(rownames(before), ids))

# ---- 1. each school in the last wave ------------------------------------------------------
wilson <- function(p, n, z = qnorm(0.975)) {
  centre <- (p + z^2 / (2 * n)) / (1 + z^2 / n)
  half <- z / (1 + z^2 / n) * sqrt(p * (1 - p) / n + z^2 / (4 * n^2))
  c(centre - half, centre + half)
}
same(wilson(0.3, 50), prop.test(15, 50, correct = FALSE)$conf.int)
school_results <- sapply(ids, function(id) {
  x <- now[id, ]
  ci <- t_interval(x$mean, x$se, x$n - 1)
  alone <- subset(last, school_id == id)
  same(degf(alone), x$n - 1)                # survey's own df for a single stratum
  same(confint(svymean(~score, alone), df = degf(alone)), ci)
  n_eff <- (x$n - 1) / (1 - x$n / x$N)
  same(x$share * (1 - x$share) / n_eff, x$share_se^2)
  w <- wilson(x$share, n_eff)
  # what na.rm = TRUE on a design that holds the rows without a score would say instead
  with_missing <- all_rows[all_rows$wave == 2025L & all_rows$school_id == id, ]
  naive <- svymean(~score, svydesign(ids = ~1, fpc = ~enrolment, data = with_missing), na.rm = TRUE)
  list(
    n_rows = nrow(with_missing), n = x$n, N = x$N, mean = x$mean, se = x$se, df = x$n - 1,
    ci_low = ci[1], ci_high = ci[2],
    share = x$share, share_se = x$share_se, n_eff = n_eff, wilson_low = w[1], wilson_high = w[2],
    se_if_missing_kept_in_design = as.vector(SE(naive))
  )
}, simplify = FALSE)

# Limits of a weighted sum of independent shares, from Wilson's limits of each (Newcombe 1998; Zou & Donner 2008;
# Zou, Huang & Zhang 2009). A negative weight swaps a share's limits. Written out as a loop.
mover <- function(shares, weights, table) {
  low <- 0
  high <- 0
  for (k in seq_along(shares)) {
    x <- table[k, ]
    limits <- wilson(shares[k], (x$n - 1) / (1 - x$n / x$N))
    ends <- sort(weights[k] * limits)
    low <- low + (weights[k] * shares[k] - ends[1])^2
    high <- high + (ends[2] - weights[k] * shares[k])^2
  }
  total <- sum(weights * shares)
  c(total - sqrt(low), total + sqrt(high))
}

# ---- 2. each school against all the others ------------------------------------------------
satterthwaite <- function(parts, df) sum(parts)^2 / sum(parts^2 / df)
others_results <- sapply(ids, function(id) {
  other <- setdiff(ids, id)
  W <- now[other, "N"] / sum(now[other, "N"])
  rest <- sum(W * now[other, "mean"])
  difference <- now[id, "mean"] - rest
  parts <- c(now[id, "se"]^2, W^2 * now[other, "se"]^2)
  df <- satterthwaite(parts, c(now[id, "n"], now[other, "n"]) - 1)
  se <- sqrt(sum(parts))
  # survey: the contrast of the school means, and the mean of the rest as a domain
  weights <- setNames(rep(0, G), ids)
  weights[id] <- 1
  weights[other] <- -W
  contrast <- svycontrast(attr(now, "svyby"), weights)
  same(c(coef(contrast), SE(contrast)), c(difference, se))
  domain <- svymean(~score, subset(last, school_id != id))
  same(c(coef(domain), SE(domain)), c(rest, sqrt(sum(parts[-1]))))
  ci <- t_interval(difference, se, df)
  rest_df <- satterthwaite(parts[-1], now[other, "n"] - 1)
  rest_ci <- t_interval(rest, sqrt(sum(parts[-1])), rest_df)
  # the same of the shares; limits by formula
  share_contrast <- svycontrast(attr(now, "svyby_high"), weights)
  share_rest <- svycontrast(attr(now, "svyby_high"), replace(-weights, id, 0))
  same(coef(share_contrast), now[id, "share"] - sum(W * now[other, "share"]))
  share_ci <- mover(now[c(id, other), "share"], c(1, -W), now[c(id, other), ])
  share_rest_ci <- mover(now[other, "share"], W, now[other, ])
  list(mean_of_others = rest, se_of_others = sqrt(sum(parts[-1])), others_ci_low = rest_ci[1], others_ci_high = rest_ci[2],
       difference = difference, se = se, df = df,
       ci_low = ci[1], ci_high = ci[2], p = 2 * pt(-abs(difference / se), df),
       n = min(now[id, "n"], sum(now[other, "n"])), n_others = sum(now[other, "n"]),
       share_of_others = as.vector(coef(share_rest)), share_se_of_others = as.vector(SE(share_rest)),
       share_others_low = share_rest_ci[1], share_others_high = share_rest_ci[2],
       share_difference = as.vector(coef(share_contrast)), share_difference_se = as.vector(SE(share_contrast)),
       share_difference_low = share_ci[1], share_difference_high = share_ci[2])
}, simplify = FALSE)

# ---- 3. the district with its schools as clusters -----------------------------------------
clusters <- svydesign(ids = ~school_id, weights = ~1, data = d[d$wave == 2025L, ])
same(degf(clusters), G - 1)
# of the last coefficient
cr2_of <- function(fit, cluster) {
  test <- coef_test(fit, vcov = "CR2", cluster = cluster, test = "Satterthwaite")
  last <- nrow(test)
  ci <- t_interval(test$beta[last], test$SE[last], test$df_Satt[last])
  list(estimate = test$beta[last], se = test$SE[last], df = test$df_Satt[last], ci = ci)
}
district <- function(variable) {
  answer <- svymean(reformulate(variable), clusters, deff = "replace")
  y <- clusters$variables[[variable]]
  n <- length(y)
  estimate <- mean(y)
  se <- sqrt(G / (G - 1) * sum(tapply((y - estimate) / n, clusters$variables$school_id, sum)^2))
  deff_value <- se^2 / (var(y) / n)
  same(c(coef(answer), SE(answer), deff(answer)), c(estimate, se, deff_value))
  ci <- t_interval(estimate, se, G - 1)
  same(confint(answer, df = degf(clusters)), ci)
  # CR2 and Satterthwaite's df of the mean as a regression on nothing
  cr2 <- cr2_of(lm(reformulate("1", variable), clusters$variables), clusters$variables$school_id)
  w <- wilson(estimate, min(n, estimate * (1 - estimate) / cr2$se^2), qt(0.975, cr2$df))
  list(n = n, n_schools = G, estimate = estimate, se = se, df = G - 1, ci_low = ci[1], ci_high = ci[2],
       deff = deff_value,
       cr2_se = cr2$se, cr2_df = cr2$df, cr2_ci_low = cr2$ci[1], cr2_ci_high = cr2$ci[2],
       wilson_low = w[1], wilson_high = w[2])
}

# the change of the district, schools as clusters of both waves: the coefficient of the wave. 2024 stays out.
district_change <- function(variable) {
  x <- transform(d[d$wave != 2024L, ], after = as.numeric(wave == 2025L))
  fit <- lm(reformulate("after", variable), x)
  cr2 <- cr2_of(fit, x$school_id)
  V <- vcovCR(fit, cluster = x$school_id, type = "CR2")
  # limits from those of the two waves and the correlation of their estimates (Newcombe 1998, paired)
  p <- c(coef(fit)[[1]], sum(coef(fit)))
  v <- c(V[1, 1], sum(V))
  correlation <- (V[1, 1] + V[1, 2]) / sqrt(v[1] * v[2])
  limits <- sapply(1:2, function(i) {
    one <- x[x$after == i - 1, ]
    alone <- cr2_of(lm(reformulate("1", variable), one), one$school_id)
    same(c(alone$estimate, alone$se), c(p[i], sqrt(v[i])), 1e-9)
    wilson(p[i], min(nrow(one), p[i] * (1 - p[i]) / alone$se^2), qt(0.975, alone$df))
  })
  reach <- function(a, b) sqrt(a^2 - 2 * correlation * a * b + b^2)
  low <- p[2] - p[1] - reach(p[2] - limits[1, 2], limits[2, 1] - p[1])
  high <- p[2] - p[1] + reach(limits[2, 2] - p[2], p[1] - limits[1, 1])
  list(n = min(table(x$after)), estimate = p[2] - p[1], cr2_se = cr2$se, cr2_df = cr2$df,
       cr2_ci_low = cr2$ci[1], cr2_ci_high = cr2$ci[2], correlation = correlation, mover_low = low, mover_high = high)
}

# ---- 4. change of the school mean from the first wave to the last --------------------------
# one stratum per school and wave (strata = ~school_id + wave would use school_id alone)
both <- svydesign(ids = ~1, strata = ~cell, fpc = ~enrolment,
                  data = transform(d[d$wave != 2024L, ], cell = paste(school_id, wave)))
cell_means <- svyby(~score, ~cell, both, svymean, covmat = TRUE)
cell_shares <- svyby(~high, ~cell, both, svymean, covmat = TRUE)
change_results <- sapply(ids, function(id) {
  a <- before[id, ]
  b <- now[id, ]
  parts <- c(a$se^2, b$se^2)
  change <- b$mean - a$mean
  se <- sqrt(sum(parts))
  df <- satterthwaite(parts, c(a$n, b$n) - 1)
  weights <- setNames(rep(0, 2 * G), names(coef(cell_means)))
  weights[paste(id, 2023)] <- -1
  weights[paste(id, 2025)] <- 1
  contrast <- svycontrast(cell_means, weights)
  same(c(coef(contrast), SE(contrast)), c(change, se))
  ci <- t_interval(change, se, df)
  share_contrast <- svycontrast(cell_shares, weights)
  share_ci <- mover(c(b$share, a$share), c(1, -1), rbind(b, a))
  list(first = list(n = a$n, N = a$N, mean = a$mean, se = a$se), last = list(n = b$n, N = b$N, mean = b$mean, se = b$se),
       change = change, se = se, df = df, ci_low = ci[1], ci_high = ci[2], p = 2 * pt(-abs(change / se), df),
       share_change = as.vector(coef(share_contrast)), share_change_se = as.vector(SE(share_contrast)),
       share_change_low = share_ci[1], share_change_high = share_ci[2])
}, simplify = FALSE)

# ---- 5. multilevel model -------------------------------------------------------------------
schools$exposure_between <- ave(schools$outreach_hours_per_100_students, schools$school_id)
schools$exposure_within <- schools$outreach_hours_per_100_students - schools$exposure_between
m <- merge(d, schools[c("school_id", "wave", "exposure_between", "exposure_within")], by = c("school_id", "wave"))
multilevel <- function(outcome) {
  f <- reformulate(c("factor(wave)", "exposure_within", "exposure_between", "(1 | school_id)", "(1 | school_id:wave)"),
                   outcome)
  # lmer's default stopping rule leaves about 1e-5 in a variance; search on to the optimum
  fit <- lmerTest::lmer(f, data = m, REML = TRUE, control = lmerControl(
    optimizer = "bobyqa", optCtrl = list(rhobeg = 0.02, rhoend = 1e-11, maxfun = 1e5), calc.derivs = FALSE,
    check.conv.singular = "ignore"))
  again <- suppressWarnings(suppressMessages(update(fit, control = lmerControl(
    optimizer = "Nelder_Mead", optCtrl = list(FtolAbs = 1e-15, FtolRel = 1e-15, XtolRel = 1e-12, maxfun = 1e5),
    calc.derivs = FALSE))))
  same(getME(again, "theta"), getME(fit, "theta"), 1e-5)
  same(logLik(again), logLik(fit), 1e-12)

  by_s <- coef(summary(fit, ddf = "Satterthwaite"))
  by_kr <- coef(summary(fit, ddf = "Kenward-Roger"))
  same(by_s[, "Std. Error"], sqrt(diag(as.matrix(vcov(fit)))))
  adjusted <- pbkrtest::vcovAdj(fit)
  same(by_kr[, "Std. Error"], sqrt(diag(as.matrix(adjusted))))
  terms <- c("(Intercept)" = "intercept", "factor(wave)2024" = "wave_2024", "factor(wave)2025" = "wave_2025",
             exposure_within = "exposure_within", exposure_between = "exposure_between")
  stopifnot(identical(rownames(by_s), names(terms)))
  coefficients <- lapply(setNames(seq_along(terms), terms), function(i) {
    estimate <- by_s[i, "Estimate"]
    interval <- function(table) t_interval(estimate, table[i, "Std. Error"], table[i, "df"])
    s <- interval(by_s)
    kr <- interval(by_kr)
    list(estimate = estimate, se = by_s[i, "Std. Error"],
         satterthwaite_df = by_s[i, "df"], satterthwaite_p = by_s[i, "Pr(>|t|)"],
         satterthwaite_ci_low = s[1], satterthwaite_ci_high = s[2],
         kenward_roger_se = by_kr[i, "Std. Error"], kenward_roger_df = by_kr[i, "df"],
         kenward_roger_p = by_kr[i, "Pr(>|t|)"], kenward_roger_ci_low = kr[1], kenward_roger_ci_high = kr[2])
  })
  variance <- setNames(as.data.frame(VarCorr(fit))$vcov, as.data.frame(VarCorr(fit))$grp)
  list(
    n = nobs(fit), n_schools = ngrps(fit)[["school_id"]], n_school_waves = ngrps(fit)[["school_id:wave"]],
    singular = isSingular(fit, tol = 1e-6),
    variance_school = variance[["school_id"]], variance_school_wave = variance[["school_id:wave"]],
    variance_residual = variance[["Residual"]],
    reml_loglik = as.numeric(logLik(fit)),
    coefficients = coefficients
  )
}
with_schools <- multilevel("score")
flat <- multilevel("score_flat")
stopifnot(!with_schools$singular, with_schools$variance_school > 0.01, with_schools$variance_school_wave > 0.005,
          flat$singular)

version_of <- function(p) as.character(packageVersion(p))
result <- list(
  about = "Made by district.R; see README.md. The district is simulated.",
  r_version = R.version.string,
  packages = sapply(c("survey", "lme4", "lmerTest", "pbkrtest", "clubSandwich"), version_of, simplify = FALSE),
  first_wave = 2023L, last_wave = 2025L, cut = 2.5,
  schools_last_wave = school_results,
  school_against_others = others_results,
  district_last_wave = list(mean = district("score"), share = district("high")),
  district_change_first_to_last = list(mean = district_change("score"), share = district_change("high")),
  change_first_to_last = change_results,
  multilevel = list(score = with_schools, score_flat = flat)
)
writeLines(json(result), file.path(out, "expected.json"))
