# Reference values from R for item analysis, reliability and differential item functioning (see README.md beside this
# file). Writes the three small tables of answers and expected.json into the folder of this script.
#
#   Rscript psych.R
suppressPackageStartupMessages({
  library(psych)
  library(GPArotation)
  library(MASS)
  library(ordinal)
  library(lme4)
})
options(mc.cores = 1)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))

# ---- JSON with 17 significant digits ------------------------------------------------------
quoted <- function(s) paste0('"', gsub('(["\\\\])', "\\\\\\1", s), '"')
json <- function(x, indent = "") {
  deeper <- paste0(indent, "  ")
  if (is.matrix(x)) x <- lapply(seq_len(nrow(x)), function(i) I(unname(x[i, ])))
  if (is.list(x)) {
    body <- vapply(x, json, "", indent = deeper)
    if (!is.null(names(x))) body <- paste0(quoted(names(x)), ": ", body)
    ends <- if (is.null(names(x))) c("[", "]") else c("{", "}")
    return(paste0(ends[1], "\n", paste0(deeper, body, collapse = ",\n"), "\n", indent, ends[2]))
  }
  one <- function(v) if (is.character(v)) quoted(v) else { stopifnot(is.finite(v)); sprintf("%.17g", v) }
  if (length(x) == 1 && !inherits(x, "AsIs")) return(one(x))
  paste0("[", paste(vapply(x, one, ""), collapse = ", "), "]")
}
same <- function(a, b, tolerance) stopifnot(max(abs(a - b)) <= tolerance * max(1, abs(b)))

# ---- answers: the first 1,000 respondents of psych::bfi, blanks kept ----------------------
names_of <- function(letter) paste0(letter, 1:5)
scales <- list(agreeableness = names_of("A"), conscientiousness = names_of("C"), neuroticism = names_of("N"))
bfi <- psych::bfi[1:1000, c("gender", "education", unlist(scales, use.names = FALSE), names_of("E"))]
write.csv(bfi, file.path(here, "bfi.csv"), row.names = FALSE, na = "", quote = FALSE)
reversed <- c("A1", "C4", "C5", "E1", "E2")
keyed <- bfi
keyed[reversed] <- 7 - keyed[reversed]

# ---- items and ordinal alpha --------------------------------------------------------------
item_reference <- function(names) {
  complete <- na.omit(keyed[names])
  by_psych <- suppressWarnings(psych::alpha(complete, check.keys = FALSE, warnings = FALSE))
  of <- function(item) {
    valid <- na.omit(keyed[[item]])
    list(
      n = length(valid), mean = mean(valid), sd = sd(valid),
      floor = mean(valid == 1), ceiling = mean(valid == 6), blank = mean(is.na(keyed[[item]])),
      item_rest = by_psych$item.stats[item, "r.drop"],
      alpha_if_dropped = by_psych$alpha.drop[item, "raw_alpha"]
    )
  }
  poly <- suppressWarnings(psych::polychoric(complete, correct = 0, global = FALSE)$rho)
  k <- length(names)
  list(
    n_complete = nrow(complete), alpha = by_psych$total$raw_alpha,
    polychoric = poly,
    alpha_of_polychoric = suppressWarnings(psych::alpha(poly, check.keys = FALSE, warnings = FALSE))$total$raw_alpha,
    items = sapply(names, of, simplify = FALSE)
  )
}

# ---- omega hierarchical -------------------------------------------------------------------
# psych stops its searches at about 1e-5 in a loading. Its answer is carried to the optimum: minres by iterating
# communalities (Harman & Jones 1966), oblimin with eps = 1e-8 (rounding ends it below), both from where psych stops.
omega_reference <- function(R, sds) {
  p <- nrow(R)
  by_psych <- suppressMessages(suppressWarnings(
    psych::omega(R, nfactors = 3, fm = "minres", rotate = "oblimin", flip = FALSE, plot = FALSE, n.obs = 1000)
  ))
  uniqueness <- psych::fa(R, 3, rotate = "none", fm = "minres")$uniquenesses
  for (step in 1:200000) {
    reduced <- R
    diag(reduced) <- 1 - uniqueness
    e <- eigen(reduced, symmetric = TRUE)
    loading <- e$vectors[, 1:3] %*% diag(sqrt(e$values[1:3]))
    change <- max(abs(1 - rowSums(loading^2) - uniqueness))
    uniqueness <- 1 - rowSums(loading^2)
    if (change < 1e-14) break
  }
  stopifnot(change < 1e-12, uniqueness > 0.005)
  turned <- GPArotation::oblimin(unclass(varimax(loading)$loadings), eps = 1e-8, maxit = 1000)
  phi <- turned$Phi
  # Three correlations of one factor give three loadings.
  g1 <- sqrt(phi[1, 2] * phi[1, 3] / phi[2, 3])
  second <- c(g1, phi[1, 2] / g1, phi[1, 3] / g1)
  stopifnot(is.finite(g1), abs(second) < 1)
  g <- as.vector(turned$loadings %*% second)
  g <- g * sign(sum(g))
  omega_h <- sum(g)^2 / sum(R)
  # psych's own answer, as it stops.
  same(omega_h, by_psych$omega_h, 2e-4)
  list(
    omega_h_psych = by_psych$omega_h, omega_h = omega_h,
    omega_h_covariance = sum(g * sds)^2 / sum(R * tcrossprod(sds)),
    g_loadings = I(g)
  )
}
fifteen <- na.omit(keyed[unlist(list(names_of("C"), names_of("E"), names_of("N")))])
fifteen[names_of("N")] <- 7 - fifteen[names_of("N")]
thurstone <- unclass(psych::Thurstone)

# ---- schools: groups of R's own data sets -------------------------------------------------
one_way <- function(y, group) {
  group <- factor(group)
  ms <- summary(aov(y ~ group))[[1]][["Mean Sq"]]
  sizes <- as.vector(table(group))
  n <- length(y)
  J <- length(sizes)
  list(F = ms[1] / ms[2], df1 = J - 1, df2 = n - J, m = n / J, between = ms[1], within = ms[2], sizes = sizes,
       n0 = (n - sum(sizes^2) / n) / (J - 1), groups = levels(group))
}
group_reference <- function(y, group) {
  a <- one_way(y, group)
  low <- a$F / qf(0.975, a$df1, a$df2)
  high <- a$F * qf(0.975, a$df2, a$df1)
  tau2 <- max((a$between - a$within) / a$n0, 0)
  list(
    n = length(y), icc1 = (a$F - 1) / (a$F + a$m - 1), icc1_low = (low - 1) / (low + a$m - 1),
    icc1_high = (high - 1) / (high + a$m - 1), icc2 = 1 - 1 / a$F, icc2_low = 1 - 1 / low, icc2_high = 1 - 1 / high,
    tau2 = tau2, sigma2 = a$within, groups = I(a$groups), sizes = I(a$sizes),
    reliability = I(tau2 / (tau2 + a$within / a$sizes))
  )
}
sprays <- with(InsectSprays, group_reference(count, spray))
wide <- do.call(cbind, split(InsectSprays$count, InsectSprays$spray))
by_icc <- suppressMessages(psych::ICC(t(wide), lmer = FALSE))$results
for (name in c("ICC1" = 1, "ICC1k" = 4)) {
  mine <- if (name == 1) sprays[c("icc1", "icc1_low", "icc1_high")] else sprays[c("icc2", "icc2_low", "icc2_high")]
  same(unlist(mine), unlist(by_icc[name, c("ICC", "lower bound", "upper bound")]), 1e-9)
}
# Balanced groups: REML is the analysis of variance, and 1 - (conditional variance) / tau2 is the reliability.
fit <- lmer(count ~ 1 + (1 | spray), InsectSprays, control = lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14)))
tau2 <- VarCorr(fit)$spray[1]
same(c(tau2, sigma(fit)^2), c(sprays$tau2, sprays$sigma2), 1e-6)
same(1 - as.vector(attr(ranef(fit, condVar = TRUE)$spray, "postVar")) / tau2, sprays$reliability, 1e-6)
air <- na.omit(airquality[c("Ozone", "Month")])
groups <- rbind(
  data.frame(set = "sprays", group = as.character(InsectSprays$spray), y = InsectSprays$count),
  data.frame(set = "ozone", group = as.character(air$Month), y = air$Ozone),
  data.frame(set = "yarn", group = as.character(warpbreaks$wool), y = warpbreaks$breaks)
)
write.csv(groups, file.path(here, "groups.csv"), row.names = FALSE, quote = FALSE)

# ---- differential item functioning --------------------------------------------------------
dif_reference <- function(names, group) {
  table <- na.omit(data.frame(keyed[names], group = group))
  large <- names(which(table(table$group) >= 100))
  table <- table[as.character(table$group) %in% large, ]
  of <- function(item) {
    d <- data.frame(
      y = factor(table[[item]], ordered = TRUE), group = factor(table$group),
      rest = rowMeans(table[setdiff(names, item)])
    )
    formulas <- list(null = y ~ 1, score = y ~ rest, uniform = y ~ rest + group, full = y ~ rest * group)
    logliks <- vapply(formulas, function(f) {
      by_clm <- ordinal::clm(f, data = d, control = clm.control(gradTol = 1e-9))
      by_polr <- MASS::polr(f, data = d, control = list(reltol = 1e-15, maxit = 2000))
      same(as.numeric(logLik(by_polr)), as.numeric(logLik(by_clm)), 1e-8)
      as.numeric(logLik(by_clm))
    }, 0)
    n <- nrow(d)
    nagelkerke <- function(l) (1 - exp(2 * (logliks[["null"]] - l) / n)) / (1 - exp(2 * logliks[["null"]] / n))
    mcfadden <- function(l) 1 - l / logliks[["null"]]
    more <- nlevels(d$group) - 1
    step <- function(from, to, df) {
      chi2 <- 2 * (logliks[[to]] - logliks[[from]])
      list(chi2 = chi2, df = df, p = pchisq(chi2, df, lower.tail = FALSE),
           nagelkerke_change = nagelkerke(logliks[[to]]) - nagelkerke(logliks[[from]]),
           mcfadden_change = mcfadden(logliks[[to]]) - mcfadden(logliks[[from]]))
    }
    list(n = n, logliks = as.list(logliks), uniform = step("score", "uniform", more),
         nonuniform = step("uniform", "full", more), total = step("score", "full", 2 * more))
  }
  items <- sapply(names, of, simplify = FALSE)
  adjusted <- p.adjust(vapply(items, function(i) i$total$p, 0), "BH")
  list(groups = I(large), items = items, total_p_adjusted = as.list(adjusted))
}

result <- list(
  about = "Made by psych.R; see README.md.",
  r_version = R.version.string,
  packages = sapply(c("psych", "GPArotation", "MASS", "ordinal", "lme4"), function(p) as.character(packageVersion(p)), simplify = FALSE),
  reversed = I(reversed),
  scales = lapply(scales, I),
  items = lapply(scales, item_reference),
  omega = list(
    bfi = c(list(n = nrow(fifteen)), omega_reference(cor(fifteen), vapply(fifteen, sd, 0))),
    thurstone = c(list(correlations = thurstone), omega_reference(thurstone, rep(1, 9)))
  ),
  groups = list(sprays = sprays, ozone = with(air, group_reference(Ozone, Month)),
                yarn = with(warpbreaks, group_reference(breaks, wool))),
  dif = list(
    agreeableness_by_gender = dif_reference(scales$agreeableness, bfi$gender),
    neuroticism_by_education = dif_reference(scales$neuroticism, bfi$education)
  )
)
writeLines(json(result), file.path(here, "expected.json"))
