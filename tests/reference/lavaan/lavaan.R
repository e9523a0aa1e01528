# Reference values from R for the structure of answers (see README.md beside this file).
#
#   Rscript lavaan.R        # writes the CSVs and expected.json beside this script
suppressPackageStartupMessages({library(lavaan); library(psych)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
save_csv <- function(x, name) write.csv(x, file.path(here, name), row.names = FALSE, quote = FALSE)
near <- function(a, b, tol) stopifnot(max(abs(a - b)) <= tol)

# ---- JSON with 17 significant digits -----------------------------------------------------
to_json <- function(x) {
  if (is.list(x)) {
    inside <- vapply(x, to_json, "")
    return(paste0("{", paste0('"', names(x), '": ', inside, collapse = ",\n"), "}"))
  }
  number <- function(v) if (is.character(v)) paste0('"', v, '"') else if (is.na(v)) "null" else sprintf("%.17g", v)
  values <- vapply(x, number, "")
  if (length(x) == 1) values else paste0("[", paste(values, collapse = ", "), "]")
}

# ---- data --------------------------------------------------------------------------------
# Holzinger & Swineford 1939 cut at fixed places: x1-x9 into four categories, and b1-b6 (x1-x6) into two.
cuts <- list(x1 = c(4, 5, 6), x2 = c(5.2, 6, 6.8), x3 = c(1.2, 2.1, 3.2), x4 = c(2.1, 3, 3.9), x5 = c(3.4, 4.4, 5.3),
             x6 = c(1.3, 2, 2.9), x7 = c(3.4, 4.1, 4.9), x8 = c(4.8, 5.5, 6.1), x9 = c(4.7, 5.4, 6.1))
raw <- HolzingerSwineford1939[order(HolzingerSwineford1939$school), ]
hs <- data.frame(school = as.character(raw$school))
for (v in names(cuts)) hs[[v]] <- findInterval(raw[[v]], cuts[[v]]) + 1
for (i in 1:6) hs[[paste0("b", i)]] <- as.integer(raw[[paste0("x", i)]] > cuts[[i]][2])
save_csv(hs, "hs.csv")
# psych::bfi, complete respondents, by gender (1 and 2)
bf <- bfi[complete.cases(bfi), c("gender", "A2", "A3", "A5", "E3", "E4", "N1", "N2", "N3", "N4", "N5")]
bf <- bf[order(bf$gender), ]
save_csv(bf, "bfi.csv")
# students in schools of unequal size, items 1-5, another structure between schools than within
set.seed(20)
sizes <- rep(c(6, 9, 12, 18, 25), length.out = 60)
school <- rep(seq_along(sizes), sizes)
within <- c(0.8, 0.7, 0.6, 0.7, 0.5)
between <- c(0.5, 0.4, 0.5, 0.1, 0.3)
person <- rnorm(length(school))
of_school <- rnorm(60)
answers <- sapply(1:5, function(i)
  3 + within[i] * person + between[i] * of_school[school] + 0.2 * rnorm(60)[school] + 0.6 * rnorm(length(school)))
schools <- data.frame(school = school, pmin(pmax(round(answers), 1), 5))
names(schools)[-1] <- paste0("q", 1:5)
save_csv(schools, "schools.csv")

# ---- moments -----------------------------------------------------------------------------
x <- paste0("x", 1:9)
unrestricted <- lavCor(hs[x], ordered = x, se = "robust.sem", output = "fit")
pe <- parameterEstimates(unrestricted)
r <- pe[pe$op == "~~" & pe$lhs != pe$rhs, ]
stats <- lavInspect(unrestricted, "sampstat")
moments <- list(thresholds = as.vector(stats$th), correlations = stats$cov[lower.tri(stats$cov)],
                correlation_errors = r$se, first_items = r$lhs, second_items = r$rhs,
                gamma_diagonal = diag(lavInspect(unrestricted, "gamma")))
three <- lavCor(hs[c("x1", "x2", "x4")], ordered = c("x1", "x2", "x4"), se = "robust.sem", output = "fit")
moments$gamma_of_three <- as.vector(lavInspect(three, "gamma"))
by_psych <- psych::polychoric(hs[x], correct = 0)$rho
moments$psych <- by_psych[lower.tri(by_psych)]
b <- paste0("b", 1:6)
yes_no <- lavInspect(lavCor(hs[b], ordered = b, output = "fit"), "sampstat")$cov
moments$tetrachoric <- yes_no[lower.tri(yes_no)]
# the 2 x 2 table with an empty cell: half an answer is moved into it
empty <- data.frame(a = rep(c(0, 0, 1), c(30, 20, 25)), b = rep(c(0, 1, 1), c(30, 20, 25)))
save_csv(empty, "empty_cell.csv")
moments$empty_cell <- lavCor(empty, ordered = c("a", "b"))[2, 1]

# ---- indices; lavaan's interval of RMSEA stops its search early, so it is searched again --------
fit_of <- function(fit) {
  m <- fitMeasures(fit)
  groups <- lavInspect(fit, "ngroups")
  n <- lavInspect(fit, "ntotal") - groups
  limit <- function(chi, df, level) {
    if (df == 0 || pchisq(chi, df) < level) return(0)
    excess <- uniroot(function(l) pchisq(chi, df, l) - level, c(0, max(n, 4 * chi)), tol = 1e-10)$root
    sqrt(groups * excess / (n * df))
  }
  take <- function(suffix) {
    at <- function(name) m[[paste0(name, suffix)]]
    chi <- at("chisq")
    df <- m[["df"]]
    limits <- c(limit(chi, df, 0.95), limit(chi, df, 0.05))
    near(limits, c(at("rmsea.ci.lower"), at("rmsea.ci.upper")), 1e-5)
    list(chi2 = chi, df = df, p = at("pvalue"), cfi = at("cfi"), tli = at("tli"), rmsea = at("rmsea"),
         rmsea_low = limits[1], rmsea_high = limits[2])
  }
  list(plain = take(""), scaled = take(".scaled"), srmr = m[["srmr"]])
}

# ---- structure ---------------------------------------------------------------------------
structure_of <- function(model, data, items) {
  fit <- cfa(model, data = data[items], ordered = items, estimator = "WLSMV", std.lv = TRUE)
  pe <- parameterEstimates(fit)
  loading <- pe[pe$op == "=~", ]
  factors <- unique(loading$lhs)
  phi <- pe[pe$op == "~~" & pe$lhs %in% factors & pe$lhs != pe$rhs, ]
  c(list(n = lavInspect(fit, "ntotal"), loadings = loading$est, loading_errors = loading$se,
         first = I(phi$lhs), second = I(phi$rhs), correlations = phi$est, correlation_errors = phi$se), fit_of(fit))
}
structures <- list(
  hs = structure_of("visual =~ x1+x2+x3\n textual =~ x4+x5+x6\n speed =~ x7+x8+x9", hs, x),
  bfi = structure_of("agreeable =~ A2+A3+A5\n extravert =~ E3+E4\n neurotic =~ N1+N2+N3+N4+N5", bf, names(bf)[-1])
)

# ---- invariance: the order of Wu & Estabrook 2016, written out ------------------------------
syntax <- function(step, items, cuts, groups = 2) {
  every <- function(value) paste0("c(", paste(rep(value, groups), collapse = ","), ")*")
  later <- function(first, rest) paste0("c(", paste(c(first, rep(rest, groups - 1)), collapse = ","), ")*")
  equal_cuts <- step != "configural"
  equal_loadings <- step %in% c("loadings", "intercepts")
  equal_intercepts <- step == "intercepts"
  loading <- if (equal_loadings) paste0(every("NA"), items, " + ", every(paste0("l", seq_along(items))), items)
             else paste0(every("NA"), items)
  if (equal_loadings) loading <- vapply(seq_along(items), function(i)
    paste0(every("NA"), items[i], " + ", every(paste0("l", i)), items[i]), "")
  lines <- c(paste("f =~", paste(loading, collapse = " + ")),
             paste0("f ~~ ", later(1, if (equal_loadings) "NA" else 1), "f"),
             paste0("f ~ ", later(0, if (equal_intercepts) "NA" else 0), "1"))
  for (item in items) {
    cut <- paste0("t", seq_len(cuts))
    if (equal_cuts) cut <- vapply(seq_len(cuts), function(k) paste0(every(paste0("t", item, k)), "t", k), "")
    lines <- c(lines, paste(item, "|", paste(cut, collapse = " + ")),
               paste0(item, " ~*~ ", later(1, if (equal_cuts) "NA" else 1), item),
               paste0(item, " ~ ", later(0, if (equal_cuts && !equal_intercepts) "NA" else 0), "1"))
  }
  paste(lines, collapse = "\n")
}
invariance_of <- function(data, items, group, cuts, steps) {
  fits <- lapply(steps, function(step)
    lavaan(syntax(step, items, cuts, length(unique(data[[group]]))), data = data[c(group, items)], ordered = items,
           group = group, estimator = "WLSMV", parameterization = "delta", auto.var = TRUE))
  names(fits) <- steps
  found <- lapply(seq_along(steps), function(at) {
    one <- fit_of(fits[[at]])
    if (at > 1) {
      test <- lavTestLRT(fits[[at - 1]], fits[[at]], method = "satorra.2000", A.method = "delta")
      one$difference <- test[2, "Chisq diff"]
      one$difference_df <- test[2, "Df diff"]
      one$difference_p <- test[2, "Pr(>Chisq)"]
    }
    pe <- parameterEstimates(fits[[at]])
    keep <- function(op, lhs = NULL) pe[pe$op == op & (is.null(lhs) | pe$lhs %in% lhs), ]
    c(one, list(loadings = keep("=~")$est, loading_errors = keep("=~")$se, scales = keep("~*~")$est,
                intercepts = keep("~1", items)$est, means = keep("~1", "f")$est, mean_errors = keep("~1", "f")$se,
                variances = keep("~~", "f")$est, variance_errors = keep("~~", "f")$se))
  })
  names(found) <- steps
  found
}
neurotic <- paste0("N", 1:5)
yes_or_no <- data.frame(gender = bf$gender, (bf[neurotic] > 3) + 0)   # above the middle of six answers
all_steps <- c("configural", "thresholds", "loadings", "intercepts")
invariance <- list(
  textual_by_school = invariance_of(hs, c("x4", "x5", "x6", "x1"), "school", 3, all_steps),
  yes_no_by_gender = invariance_of(yes_or_no, neurotic, "gender", 1, c("configural", "intercepts")),
  neurotic_by_gender = invariance_of(bf, neurotic, "gender", 5, all_steps)
)
# three groups
bf$third <- rep(c("a", "b", "c"), length.out = nrow(bf))
invariance$neurotic_by_third <- invariance_of(bf[order(bf$third), ], c("N1", "N2", "N3", "N4"), "third", 5, all_steps)

# ---- schools -----------------------------------------------------------------------------
q <- paste0("q", 1:5)
by_school <- statsBy(schools, "school")
pooled <- by_school$rwg
one <- function(R) {
  dimnames(R) <- list(q, q)
  fit <- cfa(paste("f =~", paste(q, collapse = "+")), sample.cov = R, sample.nobs = 1000, estimator = "ULS",
             std.lv = TRUE, sample.cov.rescale = FALSE)
  l <- lavInspect(fit, "std")$lambda[, 1]
  left <- R - tcrossprod(l)
  list(loadings = l * sign(sum(l)), srmr = sqrt(mean(left[lower.tri(left)]^2)))
}
# between, from analyses of variance of the items and of their sums: cov(a, b) = (var(a + b) - var(a) - var(b)) / 2
size <- as.vector(table(schools$school))
c0 <- (sum(size) - sum(size^2) / sum(size)) / (length(size) - 1)
component <- function(y) {
  ms <- summary(aov(y ~ factor(schools$school)))[[1]][["Mean Sq"]]
  c(between = (ms[1] - ms[2]) / c0, within = ms[2])
}
S <- W <- matrix(0, 5, 5)
for (i in 1:5) for (j in 1:5) {
  both <- (component(schools[[q[i]]] + schools[[q[j]]]) - component(schools[[q[i]]]) - component(schools[[q[j]]])) / 2
  if (i == j) both <- component(schools[[q[i]]])
  S[i, j] <- both[1]
  W[i, j] <- both[2]
}
near(cov2cor(W), pooled, 1e-10)
two <- list(within = as.vector(pooled), between = as.vector(cov2cor(S)), icc = diag(S) / (diag(S) + diag(W)),
            within_factor = one(pooled), between_factor = one(cov2cor(S)))

result <- list(
  about = "Made by lavaan.R; see README.md.", r_version = R.version.string,
  lavaan = as.character(packageVersion("lavaan")), psych = as.character(packageVersion("psych")),
  moments = moments, structures = structures,
  invariance = invariance, schools = two
)
writeLines(to_json(result), file.path(here, "expected.json"))
