# Reference values from R for linear mixed models fitted by REML (see README.md beside this file).
#
#   Rscript lme4.R [FOLDER]        the folder defaults to that of this script
suppressPackageStartupMessages({
  library(lme4)
  library(lmerTest)
})
args <- commandArgs(trailingOnly = TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
folder <- if (length(args) >= 1) args[1] else here
RNGkind("Mersenne-Twister", "Inversion", "Rejection")

# ---- JSON with 17 significant digits; jsonlite stops at 15 --------------------------------
json <- function(x, indent = "") {
  deeper <- paste0(indent, "  ")
  if (is.list(x)) {
    body <- paste0("\"", names(x), "\": ", vapply(x, json, "", indent = deeper))
    return(paste0("{\n", paste0(deeper, body, collapse = ",\n"), "\n", indent, "}"))
  }
  one <- function(v) {
    if (is.character(v)) return(paste0("\"", v, "\""))
    if (is.logical(v)) return(tolower(as.character(v)))
    stopifnot(is.finite(v))
    sprintf("%.17g", v)
  }
  if (length(x) == 1 && !inherits(x, "AsIs")) return(one(x))
  paste0("[", paste(vapply(x, one, ""), collapse = ", "), "]")
}

# ---- a fit at the optimum -----------------------------------------------------------------
# lme4's optimizer stops within about 1e-5 of it; Newton's steps on lme4's own deviance go on from there. What lies on
# the boundary (theta = 0) stays there: the deviance is level in theta at 0.
fit <- function(formula, data) {
  parts <- lFormula(formula, data, REML = TRUE)
  deviance <- do.call(mkLmerDevfun, c(parts, list(verbose = 0)))
  control <- list(rhoend = 1e-10, maxfun = 1e5)
  found <- optimizeLmer(deviance, optimizer = "bobyqa", control = control)
  at <- found$par
  lower <- parts$reTrms$lower
  at[lower == 0 & at < 1e-5] <- 0
  free <- !(lower == 0 & at == 0)
  for (step in 1:3) if (any(free)) {
    along <- function(t) { full <- at; full[free] <- t; deviance(full) }
    slope <- numDeriv::grad(along, at[free])
    at[free] <- at[free] - as.vector(solve(numDeriv::hessian(along, at[free]), slope))
  }
  stopifnot(deviance(at) <= found$fval + 1e-9)
  done <- list(par = at, fval = deviance(at), feval = found$feval, conv = 0, message = "")
  model <- mkMerMod(environment(deviance), done, parts$reTrms, fr = parts$fr)
  table <- summary(lmerTest:::as_lmerModLT(model, deviance))$coefficients
  components <- as.data.frame(VarCorr(model))
  labels <- paste0(components$grp, ifelse(is.na(components$var1), "", paste0(".", components$var1)),
                   ifelse(is.na(components$var2), "", paste0(".", components$var2)))
  list(
    terms = I(rownames(table)), coefficients = I(unname(table[, "Estimate"])),
    std_errors = I(unname(table[, "Std. Error"])), satterthwaite_df = I(unname(table[, "df"])),
    components = as.list(setNames(components$vcov, labels)), log_likelihood = as.numeric(logLik(model)),
    n = nobs(model), singular = isSingular(model)
  )
}

save <- function(data, name) {
  numbers <- vapply(data, is.double, TRUE)
  data[numbers] <- lapply(data[numbers], function(v) sprintf("%.17g", v))
  write.csv(data, file.path(folder, name), row.names = FALSE, quote = FALSE)
}

# ---- simulated answers of 36 schools in 6 districts over three years ------------------------
set.seed(20261126)
schools <- 36
cells <- expand.grid(year = 1:3, school = sprintf("s%02d", 1:schools))
cells$district <- sprintf("d%d", (as.integer(cells$school) - 1) %/% 6 + 1)
cells$hours <- round(runif(nrow(cells), 0, 12) + rnorm(schools)[cells$school] * 2, 2)
cells$people <- sample(4:24, nrow(cells), TRUE)
cells <- cells[-c(5, 17, 50, 51, 88), ]
effect <- rnorm(6, 0, 0.15)[factor(cells$district)] + rnorm(schools, 0, 0.25)[cells$school] + rnorm(nrow(cells), 0, 0.15)
simulated <- cells[rep(seq_len(nrow(cells)), cells$people), c("district", "school", "year", "hours")]
cell_effect <- rep(effect, cells$people)
simulated$grade <- sample(6:8, nrow(simulated), TRUE)
slope <- rnorm(schools, 0, 0.08)[simulated$school]
simulated$climate <- round(2.5 + 0.02 * simulated$hours + (slope - 0.05) * simulated$grade + cell_effect +
                             rnorm(nrow(simulated), 0, 0.6), 4)
simulated$flat <- round(2.5 + 0.02 * simulated$hours + rnorm(nrow(simulated), 0, 0.6), 4)
mean_hours <- tapply(cells$hours, cells$school, mean)
simulated$between <- as.vector(mean_hours[as.character(simulated$school)])
simulated$within <- simulated$hours - simulated$between
# lme4's search is exact to 1e-8 only where intercept and slope are not almost the same thing.
simulated$grade7 <- simulated$grade - 7
simulated$year2 <- as.numeric(simulated$year == 2)
simulated$year3 <- as.numeric(simulated$year == 3)
# Far from zero and large beside its spread: sums of squares that are not centred first lose their digits here.
simulated$far <- 1e6 + simulated$grade + round(rnorm(nrow(simulated)), 3)

save(sleepstudy, "sleepstudy.csv")
save(Dyestuff, "dyestuff.csv")
save(Dyestuff2, "dyestuff2.csv")
save(Pastes[c("strength", "batch", "cask")], "pastes.csv")
save(simulated, "simulated.csv")

mundlak <- "year2 + year3 + within + between + grade"
# Two specifications of a multiverse, made from the rows: exposure of the same year, and of the year before where it is
# known and ten or more answered; `hours` is split by the mean over the school's years that are in.
specification <- function(lag, fewest) {
  records <- unique(simulated[c("school", "year", "hours")])
  records$year <- records$year + lag
  rows <- merge(transform(simulated, hours = NULL), records)
  cell <- paste(rows$school, rows$year)
  rows <- rows[table(cell)[cell] >= fewest, ]
  used <- unique(rows[c("school", "year", "hours")])
  rows$between <- as.vector(tapply(used$hours, used$school, mean)[as.character(rows$school)])
  rows$within <- rows$hours - rows$between
  rows$mean_grade <- ave(rows$grade, rows$school, rows$year)
  waves <- if (lag == 0) "year2 + year3" else "year3"
  fit(as.formula(paste("climate ~ within + between +", waves, "+ grade + mean_grade + (1 | school) + (1 | school:year)")),
      rows)
}

expected <- list(
  versions = list(R = as.character(getRversion()), lme4 = as.character(packageVersion("lme4")),
                  lmerTest = as.character(packageVersion("lmerTest"))),
  sleepstudy_intercept = fit(Reaction ~ Days + (1 | Subject), sleepstudy),
  sleepstudy_slope = fit(Reaction ~ Days + (Days | Subject), sleepstudy),
  dyestuff = fit(Yield ~ 1 + (1 | Batch), Dyestuff),
  dyestuff2 = fit(Yield ~ 1 + (1 | Batch), Dyestuff2),
  pastes = fit(strength ~ 1 + (1 | batch) + (1 | batch:cask), Pastes),
  school = fit(as.formula(paste("climate ~", mundlak, "+ (1 | school)")), simulated),
  school_year = fit(as.formula(paste("climate ~", mundlak, "+ (1 | school) + (1 | school:year)")), simulated),
  district_school_year = fit(as.formula(paste("climate ~", mundlak,
                                              "+ (1 | district) + (1 | school) + (1 | school:year)")), simulated),
  school_year_flat = fit(as.formula(paste("flat ~", mundlak, "+ (1 | school) + (1 | school:year)")), simulated),
  same_year = specification(0, 1),
  year_before = specification(1, 10),
  slope = fit(climate ~ within + between + grade7 + (grade7 | school), simulated),
  slope_flat = fit(flat ~ within + between + grade7 + (grade7 | school), simulated),
  far = fit(climate ~ within + between + I(far - 1e6) + (1 | school), simulated)
)
writeLines(json(expected), file.path(folder, "expected.json"))
