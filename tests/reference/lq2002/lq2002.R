# Reference values from R for the lq2002 data (see README.md beside this file).
#
#   Rscript lq2002.R PATH/TO/lq2002.csv [PATH/TO/expected.json]
#
# The second argument defaults to expected.json beside this script.
suppressPackageStartupMessages(library(psych))

args <- commandArgs(trailingOnly = TRUE)
if (length(args) < 1) stop("usage: Rscript lq2002.R lq2002.csv [expected.json]")
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
out_path <- if (length(args) >= 2) args[2] else file.path(here, "expected.json")

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
same <- function(a, b, tol = 1e-12) stopifnot(max(abs(a - b)) <= tol * max(1, abs(b)))

# ---- the data ----------------------------------------------------------------------------
data <- read.csv(args[1], colClasses = c(COMPID = "character"))
RNGkind("Mersenne-Twister", "Inversion", "Rejection")
set.seed(1)   # factanal tries random starting values
scales <- list(
  leadership        = sprintf("LEAD%02d", 1:11),
  task_significance = sprintf("TSIG%02d", 1:3),
  hostility         = sprintf("HOSTIL%02d", 1:5)
)
shipped_mean <- c(leadership = "LEAD", task_significance = "TSIG", hostility = "HOSTILE")
stopifnot(!anyNA(data))

reference <- function(name) {
  items <- data[scales[[name]]]
  n <- nrow(items)
  k <- ncol(items)

  # alpha, and Feldt's exact 95 % interval
  alpha <- suppressWarnings(psych::alpha(items, check.keys = FALSE, warnings = FALSE))$total$raw_alpha
  covariance <- cov(items)
  same(alpha, k / (k - 1) * (1 - sum(diag(covariance)) / sum(covariance)))
  df1 <- n - 1
  df2 <- (n - 1) * (k - 1)
  alpha_ci <- 1 - (1 - alpha) * qf(c(0.975, 0.025), df1, df2)
  by_psych <- psych::alpha.ci(alpha, n.obs = n, n.var = k)
  same(alpha_ci, c(by_psych$lower.ci, by_psych$upper.ci))

  # one-factor maximum likelihood model. factanal stops its search at about 1e-5 in a loading, so
  # its answer is carried to the optimum by iterating the likelihood equations (Lawley & Maxwell
  # 1971): given the uniquenesses u, the loadings from the first eigenvector of u^-1/2 R u^-1/2;
  # given the loadings, u = 1 - loading^2.
  R <- cor(items)
  fit <- factanal(items, factors = 1, rotation = "none", control = list(nstart = 10))
  uniqueness <- as.vector(fit$uniquenesses)
  for (step in 1:10000) {
    root <- sqrt(uniqueness)
    first <- eigen(R / tcrossprod(root), symmetric = TRUE)
    loading <- root * first$vectors[, 1] * sqrt(first$values[1] - 1)
    change <- max(abs(1 - loading^2 - uniqueness))
    uniqueness <- 1 - loading^2
    if (change < 1e-15) break
  }
  stopifnot(change < 1e-14, uniqueness > 0)
  loading <- loading * sign(sum(loading))
  from_factanal <- as.vector(fit$loadings) * sign(sum(fit$loadings))
  same(loading, from_factanal, 1e-4)
  implied <- tcrossprod(loading) + diag(uniqueness)
  discrepancy <- function(S) {
    log(det(S)) + sum(diag(solve(S, R))) - log(det(R)) - k
  }
  stopifnot(discrepancy(implied) <= fit$criteria[["objective"]] + 1e-12)
  if (k == 3) {                                       # just identified: a closed form
    same(loading[1], sqrt(R[1, 2] * R[1, 3] / R[2, 3]), 1e-10)
  }
  item_sd <- vapply(items, sd, 0)
  omega <- sum(loading)^2 / (sum(loading)^2 + sum(1 - loading^2))
  raw <- loading * item_sd
  omega_cov <- sum(raw)^2 / (sum(raw)^2 + sum(item_sd^2 * (1 - loading^2)))

  # ICC(1), ICC(2) from one-way analysis of variance of the person mean score
  score <- rowMeans(items)
  same(score, data[[shipped_mean[[name]]]], 1e-8)   # shipped with 10 digits
  unit <- factor(data$COMPID)
  ms <- summary(aov(score ~ unit))[[1]][["Mean Sq"]]
  size <- as.vector(table(unit))
  J <- length(size)
  group_size <- n / J                                # Bliese 2000; multilevel::ICC1
  n0 <- (n - sum(size^2) / n) / (J - 1)              # Donner 1986, unbalanced groups
  icc1 <- (ms[1] - ms[2]) / (ms[1] + (group_size - 1) * ms[2])
  icc1_n0 <- (ms[1] - ms[2]) / (ms[1] + (n0 - 1) * ms[2])
  icc2 <- (ms[1] - ms[2]) / ms[1]
  step_up <- function(icc, m) m * icc / (1 + (m - 1) * icc)
  same(step_up(icc1, group_size), icc2)
  same(step_up(icc1_n0, n0), icc2)

  by_unit <- split(score, data$COMPID)
  by_unit <- by_unit[order(as.numeric(names(by_unit)))]
  unit_means <- lapply(by_unit, function(y) {
    t_test <- t.test(y)
    se <- sd(y) / sqrt(length(y))
    interval <- mean(y) + c(-1, 1) * qt(0.975, length(y) - 1) * se
    same(interval, as.vector(t_test$conf.int))
    list(n = length(y), mean = mean(y), sd = sd(y), se = se, ci_low = interval[1], ci_high = interval[2])
  })

  list(
    items = I(names(items)), n = n, k = k,
    alpha = alpha, alpha_ci_low = alpha_ci[1], alpha_ci_high = alpha_ci[2],
    alpha_ci_df1 = df1, alpha_ci_df2 = df2,
    factor_loadings_correlation = loading,
    factor_loadings_correlation_factanal = from_factanal,
    factor_ml_discrepancy = discrepancy(implied),
    factor_ml_discrepancy_factanal = fit$criteria[["objective"]],
    omega_correlation = omega, omega_covariance = omega_cov,
    omega_correlation_factanal = sum(from_factanal)^2 / (sum(from_factanal)^2 + sum(1 - from_factanal^2)),
    n_units = J, ms_between = ms[1], ms_within = ms[2],
    mean_group_size = group_size, n0 = n0,
    icc1 = icc1, icc1_n0 = icc1_n0, icc2 = icc2,
    icc2_from_icc1_n0_at_mean_group_size = step_up(icc1_n0, group_size),
    mean_person_score = mean(score), sd_person_score = sd(score),
    units = unit_means
  )
}

result <- list(
  about = "Made by lq2002.R; see README.md. Aggregates only: no row of the data is in this file.",
  r_version = R.version.string,
  packages = list(psych = as.character(packageVersion("psych"))),
  data_md5 = unname(tools::md5sum(args[1])),
  scales = sapply(names(scales), reference, simplify = FALSE)
)
writeLines(json(result), out_path)
