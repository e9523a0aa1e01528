# Reference values from R `survey` on its own example data, and small-area values by formula and from `lme4`.
#
#   Rscript survey.R
#
# Writes expected.json and the three CSVs beside this script (see README.md).
suppressPackageStartupMessages({library(survey); library(lme4)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
data(api)

# ---- JSON with 17 significant digits -------------------------------------------------------
text <- function(s) paste0('"', s, '"')
json <- function(x) {
  if (is.list(x)) return(paste0("{\n", paste0(text(names(x)), ": ", vapply(x, json, ""), collapse = ",\n"), "\n}"))
  one <- function(v) {
    if (is.character(v)) return(text(v))
    stopifnot(is.finite(v))
    sprintf("%.17g", v)
  }
  if (length(x) == 1 && !inherits(x, "AsIs")) return(one(x))
  paste0("[", paste(vapply(x, one, ""), collapse = ", "), "]")
}
plain <- function(x) I(as.numeric(x))
both <- function(x) list(estimate = plain(coef(x)), std_error = plain(SE(x)))

# ---- the data: only the columns that are used ------------------------------------------------
keep <- c("cds", "dnum", "stype", "api00", "api99", "enroll", "meals", "awards", "sch.wide", "pw", "fpc")
apistrat <- apistrat[keep]
apiclus1 <- apiclus1[keep]
# R keeps six decimals of the weights; the numbers that are written are the numbers that are used.
for (name in c("apistrat", "apiclus1")) {
  file <- file.path(here, paste0(name, ".csv"))
  write.csv(get(name), file, row.names = FALSE, quote = FALSE)
  assign(name, read.csv(file, colClasses = c(cds = "character", stype = "character")))
}

out <- list()
# ---- strata with finite population correction --------------------------------------------------
strat <- svydesign(id = ~1, strata = ~stype, weights = ~pw, data = apistrat, fpc = ~fpc)
by <- svyby(~api00, ~awards, strat, svymean)
total <- svyby(~enroll, ~stype, strat, svytotal)
share <- function(design, method) plain(attr(svyciprop(~I(api00 > 650), design, method = method), "ci"))
wilson <- function(design) {
  m <- svymean(~as.numeric(api00 > 650), design)
  p <- coef(m)[[1]]
  q <- qt(0.975, degf(design))
  n <- p * (1 - p) / vcov(m)[1]
  plain((p + q^2 / (2 * n) + c(-1, 1) * q * sqrt(p * (1 - p) / n + q^2 / (4 * n^2))) / (1 + q^2 / n))
}
mean_strat <- svymean(~api00, strat, deff = "replace")
out$strat <- list(
  degrees = degf(strat),
  mean = c(both(mean_strat), list(ci = plain(confint(mean_strat, df = degf(strat))), deff = deff(mean_strat)[[1]])),
  domains = c(both(by), list(level = I(as.character(by$awards)),
    degrees = plain(sapply(c("No", "Yes"), function(a) degf(subset(strat, awards == a)))))),
  total = both(svytotal(~enroll, strat)),
  totals = both(total),
  ratio = both(svyratio(~api00, ~api99, strat)),
  share = c(both(svymean(~as.numeric(api00 > 650), strat)),
    list(beta = share(strat, "beta"), logit = share(strat, "logit"), wilson = wilson(strat)))
)
# ---- clusters ------------------------------------------------------------------------------------
clus <- svydesign(id = ~dnum, weights = ~pw, data = apiclus1, fpc = ~fpc)
free <- svydesign(id = ~dnum, weights = ~pw, data = apiclus1)
by <- svyby(~api00, ~stype, free, svymean, covmat = TRUE)
gap <- function(x, contrast) both(svycontrast(x, contrast))
out$clus <- list(
  degrees = degf(clus),
  mean = both(svymean(~api00, clus)),
  mean_without_fpc = both(svymean(~api00, free)),
  ratio = both(svyratio(~api00, ~enroll, free)),
  total = both(svytotal(~enroll, free)),
  domains = c(both(by), list(level = I(as.character(by$stype)),
    degrees = plain(sapply(as.character(by$stype), function(s) degf(subset(free, stype == s)))))),
  missing = both(svymean(~ifelse(meals > 50, NA, api00), free, na.rm = TRUE)),
  middle_less_elementary = gap(by, c(E = -1, M = 1)),
  share = c(both(svymean(~as.numeric(api00 > 650), free)),
    list(beta = share(free, "beta"), logit = share(free, "logit"), wilson = wilson(free)))
)
# ---- a stratum with one cluster ----------------------------------------------------------------
lonely <- apiclus1
lonely$part <- ifelse(lonely$dnum == 637, "one", ifelse(lonely$dnum < 500, "low", "high"))
options(survey.lonely.psu = "adjust")
one <- svydesign(id = ~dnum, strata = ~part, weights = ~pw, data = lonely)
out$lonely <- list(mean = both(svymean(~api00, one)), total = both(svytotal(~enroll, one)), degrees = degf(one))
options(survey.lonely.psu = "fail")

# ---- replicates --------------------------------------------------------------------------------------
paired <- apiclus1[apiclus1$dnum != 815, ]
paired$pair <- (match(paired$dnum, sort(unique(paired$dnum))) + 1) %/% 2
pairs <- svydesign(id = ~dnum, strata = ~pair, weights = ~pw, data = paired)
# 50 replicates that are all scaled by 49/50, each of a fiftieth of the schools.
set.seed(20)
fifty <- apistrat
fifty$part <- sample(rep(1:50, length.out = nrow(fifty)))
national <- as.svrepdesign(svydesign(id = ~part, weights = ~pw, data = fifty), type = "JK1", mse = TRUE)
fay <- as.svrepdesign(pairs, type = "Fay", fay.rho = 0.3, mse = TRUE)
kinds <- list(
  jk1 = as.svrepdesign(free, type = "JK1", mse = FALSE),
  jk1_mse = as.svrepdesign(free, type = "JK1", mse = TRUE),
  jkn = as.svrepdesign(pairs, type = "JKn", mse = FALSE),
  jkn_mse = as.svrepdesign(pairs, type = "JKn", mse = TRUE),
  jk1_fpc = as.svrepdesign(clus, type = "JK1", mse = FALSE),
  brr = as.svrepdesign(pairs, type = "BRR", mse = FALSE),
  brr_mse = as.svrepdesign(pairs, type = "BRR", mse = TRUE),
  fay = fay,
  jk1_50 = national
)
of_replicates <- function(design) {
  by <- svyby(~api00, ~awards, design, svymean, covmat = TRUE)
  slopes <- withReplicates(design, function(w, data) coef(lm(api00 ~ meals, data, weights = w)))
  list(
    degrees = degf(design),
    mean = both(svymean(~api00, design)),
    share = both(svymean(~as.numeric(awards == "Yes"), design)),
    total = both(svytotal(~enroll, design)),
    ratio = both(svyratio(~api00, ~api99, design)),
    domains = both(by),
    yes_less_no = gap(by, c(No = -1, Yes = 1)),
    regression = list(estimate = plain(coef(slopes)), std_error = plain(sqrt(diag(vcov(slopes)))))
  )
}
out$replicates <- lapply(kinds, of_replicates)
# BRR's and Fay's weights come from a Hadamard matrix; the 50 replicates from a random partition.
columns <- function(design, name) {
  w <- weights(design, "analysis")
  colnames(w) <- sprintf("%s_%02d", name, seq_len(ncol(w)))
  w
}
written <- function(table, file) {
  numbers <- vapply(table, is.double, TRUE)
  table[numbers] <- lapply(table[numbers], function(v) sprintf("%.17g", v))
  write.csv(table, file.path(here, file), row.names = FALSE, quote = FALSE)
}
written(data.frame(cds = paired$cds, columns(kinds$brr, "brr"), columns(fay, "fay")), "brr.csv")
written(data.frame(cds = fifty$cds, part = fifty$part), "fifty.csv")

# ---- weights -------------------------------------------------------------------------------------------
population <- list(
  stype = data.frame(stype = c("E", "H", "M"), Freq = c(4421, 755, 1018)),
  sch.wide = data.frame(sch.wide = c("No", "Yes"), Freq = c(1072, 5122)),
  awards = data.frame(awards = c("No", "Yes"), Freq = c(2106, 4088))
)
raked <- rake(free, list(~stype, ~sch.wide, ~awards), population, control = list(epsilon = 1e-11, maxit = 2000))
totals <- c(`(Intercept)` = 6194, stypeH = 755, stypeM = 1018, sch.wideYes = 5122, awardsYes = 4088)
bounded <- calibrate(free, ~stype + sch.wide + awards, totals, calfun = "logit", bounds = c(0.6, 2), epsilon = 1e-12,
  maxit = 500)
stopifnot(max(abs(svytable(~awards, bounded) - c(2106, 4088))) < 1e-6)
post <- postStratify(free, ~stype, population$stype, partial = FALSE)
uneven <- svydesign(id = ~1, weights = ~enroll, data = apiclus1)
cap <- 2 * median(apiclus1$enroll)
out$weights <- list(
  raked = plain(weights(raked)),
  bounded = plain(weights(bounded)),
  post_stratified = plain(weights(post)),
  trimmed = plain(weights(trimWeights(uneven, upper = cap, strict = TRUE))),
  cap = cap,
  kish_design_effect = nrow(apiclus1) * sum(apiclus1$enroll^2) / sum(apiclus1$enroll)^2,
  kish_effective_n = sum(apiclus1$enroll)^2 / sum(apiclus1$enroll^2)
)

# ---- small areas -----------------------------------------------------------------------------------------
# Districts of the cluster sample as areas; those with more than one school, each with its own variance of the mean.
areas <- do.call(rbind, lapply(split(apiclus1, apiclus1$dnum), function(d)
  data.frame(area = d$dnum[1], n = nrow(d), estimate = mean(d$api00), variance = var(d$api00) / nrow(d),
             meals = mean(d$meals))))
areas <- areas[areas$n > 2, ]
small_areas <- function(x) {
  y <- areas$estimate
  v <- areas$variance
  deviance <- function(t) {   # minus twice the restricted log-likelihood
    w <- 1 / (t + v)
    xwx <- crossprod(x, w * x)
    b <- solve(xwx, crossprod(x, w * y))
    sum(log(t + v)) + log(det(xwx)) + sum(w * (y - x %*% b)^2)
  }
  slope <- function(t) {      # its derivative, so that the root is found to the last digits
    w <- 1 / (t + v)
    p <- diag(w) - (w * x) %*% solve(crossprod(x, w * x), t(w * x))
    sum(diag(p)) - drop(t(y) %*% p %*% p %*% y)
  }
  guess <- optimize(deviance, c(0, 20 * var(y)))$minimum
  t <- uniroot(slope, guess * c(0.5, 2), tol = 1e-13 * guess)$root
  w <- 1 / (t + v)
  vb <- solve(crossprod(x, w * x))
  b <- drop(vb %*% crossprod(x, w * y))
  share <- v / (t + v)
  fit <- drop(x %*% b)
  g1 <- t * v / (t + v)
  g2 <- share^2 * rowSums((x %*% vb) * x)
  g3 <- v^2 / (t + v)^3 * 2 / sum(1 / (t + v)^2)
  list(tau2 = t, coefficients = plain(b), estimate = plain((1 - share) * y + share * fit),
       mse = plain(g1 + g2 + 2 * g3))
}
out$small_areas <- list(plain = small_areas(cbind(rep(1, nrow(areas)))),
                        meals = small_areas(cbind(1, areas$meals)))
# In balanced data the mixed model's own residual variance gives the same estimates; `lme4::Dyestuff` is balanced.
fit <- lmer(Yield ~ 1 + (1 | Batch), Dyestuff, control = lmerControl(optCtrl = list(xtol_abs = 1e-14, ftol_abs = 1e-16)))
out$small_areas$lme4 <- list(
  means = plain(tapply(Dyestuff$Yield, Dyestuff$Batch, mean)), variance = sigma(fit)^2 / 5,
  tau2 = as.numeric(VarCorr(fit)$Batch), estimate = plain(coef(fit)$Batch[, 1])
)
written(areas, "areas.csv")

out$versions <- list(r = as.character(getRversion()), survey = as.character(packageVersion("survey")),
                     lme4 = as.character(packageVersion("lme4")))
cat(json(out), "\n", file = file.path(here, "expected.json"), sep = "")
