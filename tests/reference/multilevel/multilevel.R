# Reference values for the within-between model and for few clusters (see README.md beside this file).
#
#   Rscript multilevel.R [OUTPUT_FOLDER]
#
# Writes people.csv, schools.csv, chicks.csv and expected.json beside this script, or to OUTPUT_FOLDER.
suppressPackageStartupMessages({
  library(lmerTest)
  library(pbkrtest)
  library(clubSandwich)
  library(sandwich)
})

args <- commandArgs(trailingOnly = TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
out <- if (length(args) >= 1) args[1] else here

# ---- JSON with 17 significant digits -------------------------------------------------------
json <- function(x) {
  if (is.list(x)) {
    body <- vapply(x, json, "")
    if (is.null(names(x))) return(paste0("[", paste(body, collapse = ",\n"), "]"))
    return(paste0("{", paste0('"', names(x), '": ', body, collapse = ",\n"), "}"))
  }
  one <- function(v) {
    if (is.na(v)) "null" else if (is.character(v)) paste0('"', v, '"') else if (is.logical(v)) tolower(v)
    else { stopifnot(is.finite(v)); sprintf("%.17g", v) }
  }
  if (length(x) == 1) return(one(x))
  paste0("[", paste(vapply(x, one, ""), collapse = ", "), "]")
}
same <- function(a, b, tol = 1e-9) stopifnot(length(a) == length(b), max(abs(a - b)) <= tol * max(1, abs(b)))

# ---- simulate: 5 districts, 20 schools, 3 waves, two school-waves not seen ------------------
RNGkind("Mersenne-Twister", "Inversion", "Rejection")
set.seed(604)
ids <- sprintf("%02d", 1:20)
schools <- expand.grid(wave = c("2023", "2024", "2025"), school_id = ids, stringsAsFactors = FALSE)[, 2:1]
j <- match(schools$school_id, ids)
schools$district <- paste0("d", (j - 1) %/% 4 + 1)
schools$hours <- round(runif(20, 1, 6)[j] + rnorm(60), 2)
schools$poverty <- round(runif(20, 0.1, 0.8)[j] + rnorm(60, 0, 0.03), 3)
size <- sample(5:12, 60, replace = TRUE)
size[c(11, 36)] <- 0
row <- rep(seq_len(60), size)
people <- schools[row, c("school_id", "wave")]
n <- nrow(people)
people$grade <- sample(c("g09", "g10", "g11"), n, replace = TRUE)
people$years <- sample(1:6, n, replace = TRUE)
level <- 2.6 + 0.05 * schools$hours - 0.3 * schools$poverty + rnorm(5, 0, 0.25)[(j - 1) %/% 4 + 1] +
  rnorm(20, 0, 0.2)[j] + rnorm(60, 0, 0.15)
people$score <- round(level[row] - 0.1 * (people$grade == "g11") + 0.03 * people$years + rnorm(n, 0, 0.5), 2)
people$flat <- round(rnorm(n, 2.5, 0.5) + rnorm(20, 0, 0.2)[j[row]], 2)   # schools differ, waves and districts do not
write.csv(people, file.path(out, "people.csv"), row.names = FALSE, quote = FALSE)
write.csv(schools, file.path(out, "schools.csv"), row.names = FALSE, quote = FALSE)
chicks <- data.frame(weight = ChickWeight$weight, time = ChickWeight$Time, chick = as.character(ChickWeight$Chick))
for (k in 2:4) chicks[[paste0("diet_", k)]] <- as.numeric(ChickWeight$Diet == k)
write.csv(chicks, file.path(out, "chicks.csv"), row.names = FALSE, quote = FALSE)

text <- c(school_id = "character", wave = "character")
people <- read.csv(file.path(out, "people.csv"), colClasses = text)
schools <- read.csv(file.path(out, "schools.csv"), colClasses = text)

# ---- the design ----------------------------------------------------------------------------
prepare <- function(exposure, persons) {
  s <- cbind(schools[c("school_id", "wave", "district", "poverty")], exposure = exposure)
  s <- s[!is.na(s$exposure) & paste(s$school_id, s$wave) %in% paste(persons$school_id, persons$wave), ]
  s$between <- ave(s$exposure, s$school_id)
  s$within <- s$exposure - s$between
  d <- merge(persons, s, by = c("school_id", "wave"))
  d$cell <- paste(d$school_id, d$wave)
  d$wave <- factor(d$wave)
  for (v in c("g10", "g11", "years")) {
    x <- if (v == "years") d$years else as.numeric(d$grade == v)
    d[[paste0(v, "_mean")]] <- ave(x, d$cell)
    d[[paste0(v, "_person")]] <- x - ave(x, d$cell)
  }
  d
}
adjust <- c("g10_person", "g10_mean", "g11_person", "g11_mean", "years_person", "years_mean", "poverty")
search <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhobeg = 0.02, rhoend = 1e-11, maxfun = 1e5),
                      calc.derivs = FALSE, check.conv.singular = "ignore")
model <- function(d, outcome, terms, groups) {
  f <- reformulate(c("wave", "within", "between", terms, sprintf("(1 | %s)", groups)), outcome)
  fit <- suppressWarnings(lmerTest::lmer(f, d, REML = TRUE, control = search))
  one <- function(l, ddf) {
    t <- suppressMessages(contest1D(fit, l, ddf = ddf))
    c(estimate = t[["Estimate"]], se = t[["Std. Error"]], df = t[["df"]])
  }
  names <- names(fixef(fit))
  contrasts <- c(lapply(setNames(names, names), function(k) as.numeric(names == k)),
                 list(contextual = (names == "between") - (names == "within")))
  adjusted <- as.matrix(vcovAdj(fit))
  v <- as.data.frame(VarCorr(fit))
  list(
    n = nobs(fit), variances = as.list(setNames(v$vcov, v$grp)), loglik = as.numeric(logLik(fit)),
    coefficients = lapply(contrasts, function(l) {
      s <- one(l, "Satterthwaite")
      kr <- one(l, "Kenward-Roger")
      same(kr[["se"]], sqrt(drop(l %*% adjusted %*% l)))
      same(kr[["df"]], Lb_ddf(l, vcov(fit), vcovAdj(fit)), 1e-6)
      list(estimate = s[["estimate"]], se = s[["se"]], satterthwaite_df = s[["df"]],
           kenward_roger_se = kr[["se"]], kenward_roger_df = kr[["df"]])
    })
  )
}
now <- prepare(schools$hours, people)
before <- schools$hours[match(paste(schools$school_id, as.numeric(schools$wave) - 1),
                              paste(schools$school_id, schools$wave))]
models <- list(
  plain = model(now, "score", NULL, c("school_id", "cell")),
  adjusted = model(now, "score", adjust, c("district", "school_id", "cell")),
  lagged = model(prepare(before, people), "score", NULL, c("school_id", "cell")),
  flat = model(now, "flat", NULL, c("district", "school_id", "cell"))
)

# ---- CR2 and CV3 ---------------------------------------------------------------------------
jackknife <- function(fit, d, cluster) {                 # by leaving out, as it is defined
  left <- sapply(unique(cluster), function(g) coef(lm(formula(fit), d[cluster != g, ])))
  if (anyNA(left)) return(NULL)
  G <- ncol(left)
  sqrt((G - 1) / G * rowSums((left - coef(fit))^2))
}
robust <- function(fit, d, cluster) {
  G <- length(unique(cluster))
  t <- coef_test(fit, vcovCR(fit, cluster = cluster, type = "CR2"), test = "Satterthwaite")
  cv3 <- jackknife(fit, d, cluster)
  if (!is.null(cv3)) {
    same(cv3, sqrt((G - 1) / G * diag(as.matrix(vcovCR(fit, cluster = cluster, type = "CR3")))))
    same(cv3, sqrt(diag(vcovCL(fit, cluster = cluster, type = "HC3", cadjust = FALSE))))
  }
  setNames(lapply(seq_along(coef(fit)), function(k) list(
    estimate = coef(fit)[[k]], cr2_se = t$SE[k], cr2_df = t$df_Satt[k], cr2_p = t$p_Satt[k],
    cv3_se = if (is.null(cv3)) NA else cv3[[k]])), names(coef(fit)))
}
twelve <- now[now$school_id <= "12", ]
twelve$alone <- as.numeric(twelve$school_id == "03")
cells <- aggregate(cbind(score, within, between) ~ school_id + wave, now, mean)
fit_people <- lm(score ~ wave + within + between, twelve)
fit_alone <- lm(score ~ wave + within + alone, twelve)
fit_chicks <- lm(weight ~ time + diet_2 + diet_3 + diet_4, chicks)
few <- list(
  people = robust(fit_people, twelve, twelve$school_id),
  alone = robust(fit_alone, twelve, twelve$school_id),
  cells = robust(lm(score ~ wave + within + between, cells), cells, cells$school_id),
  districts = robust(lm(score ~ wave + within + between, now), now, now$district),
  chicks = robust(fit_chicks, chicks, chicks$chick)
)

# ---- the wild cluster bootstrap with the null imposed, every turn taken, straight from its definition -------------
wild <- function(d, cluster, terms, term, points = c(-1, 1)) {
  X <- cbind(1, as.matrix(d[terms]))
  k <- match(term, terms) + 1
  y <- d$score
  groups <- split(seq_along(y), cluster)
  G <- length(groups)
  turns <- as.matrix(expand.grid(rep(list(points), G)))
  by_row <- turns[, match(cluster, names(groups))]
  bread <- solve(crossprod(X))
  t_of <- function(Y, value) {                            # CV1, but for the factor that all have in common
    B <- bread %*% crossprod(X, Y)
    E <- Y - X %*% B
    variance <- 0
    for (g in groups) variance <- variance + drop(bread[k, ] %*% crossprod(X[g, , drop = FALSE], E[g, , drop = FALSE]))^2
    (B[k, ] - value) / sqrt(variance)
  }
  p <- function(value) {
    rest <- X[, -k, drop = FALSE]
    held <- lm.fit(rest, y - value * X[, k])
    found <- t_of(cbind(y), value)
    others <- t_of(value * X[, k] + drop(rest %*% held$coefficients) + t(by_row) * held$residuals, value)
    mean(abs(others) >= abs(found) * (1 - 1e-9))
  }
  estimate <- lm.fit(X, y)$coefficients[[k]]
  limit <- function(step) {
    inside <- estimate
    outside <- estimate + step
    while (p(outside) >= 0.05) {
      inside <- outside
      outside <- estimate + 2 * (outside - estimate)
      if (abs(outside - estimate) > 1e4) return(NA)
    }
    for (i in 1:60) {
      middle <- (inside + outside) / 2
      if (p(middle) >= 0.05) inside <- middle else outside <- middle
    }
    (inside + outside) / 2
  }
  list(estimate = estimate, turns = nrow(turns), p = p(0), p_half = p(estimate / 2), low = limit(-0.05), high = limit(0.05))
}
cells$wave_1 <- as.numeric(cells$wave == "2024")
cells$wave_2 <- as.numeric(cells$wave == "2025")
terms <- c("wave_1", "wave_2", "within", "between")
now$wave_1 <- as.numeric(now$wave == "2024")
now$wave_2 <- as.numeric(now$wave == "2025")
of <- function(k) cells[cells$school_id <= k, ]
bootstrap <- list(
  twelve_within = wild(of("12"), of("12")$school_id, terms, "within"),
  twelve_between = wild(of("12"), of("12")$school_id, terms, "between"),
  eight_within = wild(of("08"), of("08")$school_id, terms, "within"),
  districts_within = wild(now, now$district, terms, "within"),
  districts_within_webb = wild(now, now$district, terms, "within", c(-1, 1) %x% sqrt(c(0.5, 1, 1.5)))
)

version_of <- function(p) as.character(packageVersion(p))
packages <- c("lme4", "lmerTest", "pbkrtest", "clubSandwich", "sandwich")
result <- list(
  about = "Made by multilevel.R; see README.md.", r_version = R.version.string,
  packages = sapply(packages, version_of, simplify = FALSE),
  models = models, few = few, bootstrap = bootstrap
)
writeLines(json(result), file.path(out, "expected.json"))
