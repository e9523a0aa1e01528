# Reference values for contextual effects, sensitivity, equivalence and pooling (see README.md beside this file).
#
#   Rscript sensitivity.R [FOLDER]
#
# Writes contextual.csv, swiss.csv and expected.json to FOLDER, by default the folder of this script.
suppressPackageStartupMessages({ library(lavaan); library(lme4); library(mice) })
args <- commandArgs(trailingOnly = TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
folder <- if (length(args)) args[1] else here

json <- function(x, indent = "") {           # jsonlite stops at 15 digits
  deeper <- paste0(indent, "  ")
  quoted <- function(s) paste0('"', s, '"')
  if (is.list(x)) {
    body <- paste0(quoted(names(x)), ": ", vapply(x, json, "", indent = deeper))
    return(paste0("{\n", paste0(deeper, body, collapse = ",\n"), "\n", indent, "}"))
  }
  if (is.matrix(x)) return(paste0("[", paste(apply(x, 1, json), collapse = ", "), "]"))
  text <- if (is.character(x)) quoted(x) else sprintf("%.17g", x)
  if (length(x) == 1 && !inherits(x, "AsIs")) text else paste0("[", paste(text, collapse = ", "), "]")
}
write <- function(d, name) write.csv(d, file.path(folder, name), row.names = FALSE, quote = FALSE)

# ---- contextual effects: two-level data, simulated --------------------------------------------------------------------
RNGkind("Mersenne-Twister", "Inversion", "Rejection"); set.seed(2008)
J <- 60; size <- sample(4:15, J, TRUE); school <- rep(seq_len(J), size)
level <- rnorm(J, 0, 0.5)
x <- level[school] + rnorm(length(school)); z <- 0.3 * x + rnorm(J, 0, 0.4)[school] + rnorm(length(school))
y <- 0.2 * (x - level[school]) + 0.8 * level[school] + 0.3 * z + rnorm(J, 0, 0.3)[school] + rnorm(length(school))
d <- data.frame(school, x = round(x, 3), z = round(z, 3), y = round(y, 3)); write(d, "contextual.csv")

latent <- function(predictors) {
  side <- function(a) paste0("y ~ ", a, "*x", if (predictors > 1) " + z", if (predictors > 1) "\n x ~~ z" else "")
  model <- paste0("level: 1\n ", side("w"), "\nlevel: 2\n ", side("b"), "\nc := b - w")
  fit <- suppressWarnings(sem(model, data = d, cluster = "school", fixed.x = FALSE, optim.method = "em",
                              em.fx.tol = 1e-14, em.dx.tol = 1e-10, em.iter.max = 20000))
  stopifnot(lavInspect(fit, "converged"))
  e <- parameterEstimates(fit); e <- e[match(c("w", "b", "c"), e$label), ]
  list(estimates = I(e$est), std_errors = I(e$se), information = lavInspect(fit, "options")$information[1],
       gradient = max(abs(lavTech(fit, "gradient"))))
}
manifest <- function(predictors) {
  m <- within(d, { xb <- ave(x, school); xw <- x - xb; zb <- ave(z, school); zw <- z - zb })
  terms <- c("xw", "xb", if (predictors > 1) c("zw", "zb"))
  fit <- lmer(as.formula(paste("y ~", paste(terms, collapse = " + "), "+ (1 | school)")), m,
              control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10)))
  b <- fixef(fit)[c("xw", "xb")]; v <- as.matrix(vcov(fit))[c("xw", "xb"), c("xw", "xb")]
  list(estimates = I(as.vector(c(b, b[2] - b[1]))), std_errors = I(sqrt(c(diag(v), sum(v * c(1, -1, -1, 1))))))
}

# ---- a hidden confounder: R's own swiss data, where it is a covariate left out ---------------------------------------
s <- swiss; names(s) <- tolower(gsub("\\.", "_", names(s))); write(s, "swiss.csv")
full <- lm(fertility ~ examination + agriculture + catholic + education, s)
less <- lm(fertility ~ examination + agriculture + catholic, s)           # education left out
on <- lm(examination ~ agriculture + catholic + education, s)
stopifnot(abs(coef(full)["examination"]) < abs(coef(less)["examination"]))   # it pulled the estimate from zero
partial <- function(fit, term) { t <- coef(summary(fit))[term, 3]; unname(t^2 / (t^2 + df.residual(fit))) }
# Robustness values by root finding: regressions with a made-up covariate z whose partial R2 is r with the exposure and
# with the outcome given the exposure, made of what is left of both and of noise at right angles to everything.
unit <- function(v) v / sqrt(sum(v^2))
set.seed(1)
left <- unit(resid(lm(examination ~ agriculture + catholic, s))); error <- unit(resid(less))
noise <- unit(resid(lm(rnorm(nrow(s)) ~ examination + agriculture + catholic + error, s)))
with_made <- function(r) {
  z <- sqrt(r) * left + sign(coef(less)["examination"]) * sqrt(r * (1 - r)) * error + (1 - r) * noise
  coef(summary(lm(fertility ~ examination + agriculture + catholic + z, cbind(s, z))))["examination", ]
}
rv <- uniroot(function(r) with_made(r)[1], c(1e-4, 0.95), tol = 1e-14)$root
critical <- qt(0.975, df.residual(less) - 1)
rv_limit <- uniroot(function(r) abs(with_made(r)[3]) - critical, c(1e-4, rv), tol = 1e-14)$root

# ---- equivalence: R's own sleep data ------------------------------------------------------------------------------------
difference <- with(sleep, extra[group == 2] - extra[group == 1])
p_equivalence <- function(bound) max(t.test(difference, mu = -bound, alternative = "greater")$p.value,
                                     t.test(difference, mu = bound, alternative = "less")$p.value)

# ---- pooling: mice::nhanes ----------------------------------------------------------------------------------------------
imp <- mice(nhanes, m = 5, seed = 1999, printFlag = FALSE)
fits <- with(imp, lm(chl ~ age + bmi)); rest <- with(imp, lm(chl ~ 1))
p <- summary(pool(fits), conf.int = TRUE); inner <- pool(fits)$pooled
large <- pool(fits, dfcom = Inf)$pooled
wald <- suppressWarnings(pool.compare(fits, rest, method = "wald"))

writeLines(json(list(
  about = "Made by sensitivity.R; see README.md.", r_version = R.version.string,
  packages = list(lavaan = as.character(packageVersion("lavaan")), lme4 = as.character(packageVersion("lme4")),
                  mice = as.character(packageVersion("mice"))),
  contextual = list(latent = latent(1), latent_adjusted = latent(2), manifest = manifest(1), manifest_adjusted = manifest(2)),
  confounder = list(
    estimate = coef(less)[["examination"]], std_error = coef(summary(less))["examination", 2], df = df.residual(less),
    full_estimate = coef(full)[["examination"]], full_std_error = coef(summary(full))["examination", 2],
    full_df = df.residual(full), full_limits = I(as.vector(confint(full)["examination", ])),
    r2_exposure = partial(on, "education"), r2_outcome = partial(full, "education"),
    robustness_value = rv, robustness_value_limit = rv_limit, partial_r2 = partial(less, "examination")),
  equivalence = list(estimate = mean(difference), std_error = sd(difference) / sqrt(length(difference)),
    df = length(difference) - 1, p_1 = p_equivalence(1), p_3 = p_equivalence(3),
    limits_90 = I(as.vector(t.test(difference, conf.level = 0.9)$conf.int)), p_value = t.test(difference)$p.value),
  pooling = list(
    estimates = t(sapply(fits$analyses, coef)), covariances = t(sapply(fits$analyses, vcov)), complete_df = df.residual(fits$analyses[[1]]),
    estimate = I(p$estimate), std_error = I(p$std.error), df = I(p$df), low = I(p[["2.5 %"]]), high = I(p[["97.5 %"]]),
    fmi = I(inner$fmi), df_large = I(large$df),
    wald = I(c(wald$Dm, wald$df1, wald$df2, wald$pvalue)))
)), file.path(folder, "expected.json"))
