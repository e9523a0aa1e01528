# Reference values for the cumulative-logit mixed model (see README.md beside this file).
#
#   Rscript ordinal.R [FOLDER]
#
# Writes wine.csv, schools.csv, alike.csv and expected.json to FOLDER, by default the folder of this script.
suppressPackageStartupMessages(library(ordinal))
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
  text <- if (is.character(x)) quoted(x) else sprintf("%.17g", x)
  if (length(x) == 1 && !inherits(x, "AsIs")) text else paste0("[", paste(text, collapse = ", "), "]")
}

# An own log likelihood by integrate(), to see that clmm ended where the slope is zero.
cells <- function(p, d, x, K) {
  a <- c(-Inf, p[1:(K - 1)], Inf); b <- p[K:(K + ncol(x) - 1)]; s <- p[length(p)]
  sum(vapply(split(seq_len(nrow(d)), d$school), function(i) {
    eta <- drop(x[i, , drop = FALSE] %*% b); y <- d$y[i]
    inner <- function(z) vapply(z, function(z) sum(log(plogis(a[y + 1] - eta - s * z) - plogis(a[y] - eta - s * z))), 0)
    top <- optimize(function(z) inner(z) + dnorm(z, log = TRUE), c(-8, 8), maximum = TRUE, tol = 1e-10)
    f <- function(z) exp(inner(z) + dnorm(z, log = TRUE) - top$objective)
    top$objective + log(integrate(f, top$maximum - 9, top$maximum + 9, rel.tol = 1e-12, subdivisions = 2000)$value)
  }, 0))
}
reference <- function(d, terms, name) {
  d$answer <- ordered(d$y); d$school <- factor(d$school)
  formula <- as.formula(paste("answer ~", paste(terms, collapse = " + "), "+ (1 | school)"))
  fit <- clmm(formula, data = d, nAGQ = 20,
              control = clmm.control(gradTol = 1e-10, innerCtrl = "noWarn", rel.tol = 1e-15, x.tol = 1e-12, abs.tol = 0))
  K <- nlevels(d$answer); q <- length(fit$beta)
  x <- as.matrix(d[terms])
  p <- c(fit$alpha, fit$beta, fit$ST[[1]][1, 1])
  same <- cells(p, d, x, K) - as.numeric(fit$logLik)
  v <- vcov(fit)
  last <- length(p)
  to_sd <- diag(replace(rep(1, last), last, p[last]))        # clmm's last parameter is log(sd)
  slope <- function(p) vapply(seq_along(p), function(i) {
    h <- replace(p * 0, i, 1e-4)
    (cells(p + h, d, x, K) - cells(p - h, d, x, K)) / 2e-4
  }, 0)
  top <- p                                                    # clmm stops at slopes of 1e-4; three steps more
  for (step in 1:3) top <- top + drop(to_sd %*% v %*% to_sd %*% slope(top))
  message(name, ": log likelihood by integrate() differs by ", same, ", largest slope ", max(abs(slope(p))),
          ", after three steps ", max(abs(slope(top))))
  stopifnot(abs(same) < 1e-6, max(abs(slope(top))) < 1e-6)
  list(n = nrow(d), log_likelihood = as.numeric(fit$logLik), thresholds = I(as.vector(fit$alpha)),
       coefficients = I(as.vector(fit$beta)), sd_school = fit$ST[[1]][1, 1], top = I(top),
       std_errors = I(sqrt(diag(v))[1:(K - 1 + q)]), se_log_sd = sqrt(diag(v))[K + q])
}

write <- function(d, name) write.csv(d, file.path(folder, name), row.names = FALSE, quote = FALSE)
w <- data.frame(school = wine$judge, y = as.integer(wine$rating),
                temp_warm = as.integer(wine$temp == "warm"), contact_yes = as.integer(wine$contact == "yes"))
write(w, "wine.csv")

RNGkind("Mersenne-Twister", "Inversion", "Rejection"); set.seed(1953)
draw <- function(J, sizes, spread) {
  school <- rep(seq_len(J), sizes)
  hours <- round(rnorm(J), 2)[school]; grade <- sample(6:8, length(school), TRUE); girl <- rbinom(length(school), 1, 0.5)
  latent <- 0.4 * hours - 0.2 * (grade - 7) + 0.3 * girl + rnorm(J, 0, spread)[school] + rlogis(length(school))
  data.frame(school, y = findInterval(latent, c(-1.5, 0, 1.7)) + 1, hours, grade, girl)
}
s <- draw(40, sample(5:60, 40, TRUE), 0.6); write(s, "schools.csv")
set.seed(1); a <- draw(15, rep(30, 15), 0); write(a, "alike.csv")
plain <- clm(ordered(y) ~ hours + grade + girl, data = a, control = clm.control(gradTol = 1e-10))
mixed <- suppressWarnings(clmm(ordered(y) ~ hours + grade + girl + (1 | school), data = transform(a, school = factor(school)), nAGQ = 20))
message("alike: clmm's standard deviation ", mixed$ST[[1]][1, 1], ", log likelihood above clm ", mixed$logLik - plain$logLik)
stopifnot(mixed$ST[[1]][1, 1] < 1e-2, mixed$logLik - plain$logLik < 1e-4)

# Shares averaged over schools at two profiles, by integrate().
simulated <- reference(s, c("hours", "grade", "girl"), "schools")
profiles <- rbind(c(0, 7, 0), c(1, 7, 1))
shares <- apply(profiles, 1, function(x) {
  below <- vapply(simulated$top[1:3], function(k) {
    f <- function(z) plogis(k - sum(x * simulated$top[4:6]) - simulated$top[7] * z) * dnorm(z)
    integrate(f, -12, 12, rel.tol = 1e-13, subdivisions = 2000)$value
  }, 0)
  diff(c(0, below, 1))
})
writeLines(json(list(
  about = "Made by ordinal.R; see README.md.", r_version = R.version.string,
  ordinal = as.character(packageVersion("ordinal")),
  wine = reference(w, c("temp_warm", "contact_yes"), "wine"),
  schools = c(simulated, list(shares_first = I(shares[, 1]), shares_second = I(shares[, 2]))),
  alike = list(log_likelihood = as.numeric(plain$logLik), thresholds = I(as.vector(plain$alpha)),
               coefficients = I(as.vector(plain$beta)), std_errors = I(as.vector(sqrt(diag(vcov(plain))))))
)), file.path(folder, "expected.json"))
