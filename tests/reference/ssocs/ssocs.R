# Reference values from R `survey` on the public-use files of the School Survey on Crime and Safety.
#
#   Rscript ssocs.R FOLDER_WITH_THE_FILES [expected.json]
#
# Writes aggregates only (see README.md).
suppressPackageStartupMessages({library(survey); library(haven)})
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
args <- commandArgs(trailingOnly = TRUE)
data <- args[1]
target <- if (length(args) > 1) args[2] else file.path(here, "expected.json")

# ---- JSON with 17 significant digits -------------------------------------------------------
text <- function(s) paste0('"', s, '"')
json <- function(x) {
  if (is.list(x)) return(paste0("{\n", paste0(text(names(x)), ": ", vapply(x, json, ""), collapse = ",\n"), "\n}"))
  one <- function(v) {
    if (is.character(v)) return(text(v))
    if (is.na(v)) return("null")
    stopifnot(is.finite(v))
    sprintf("%.17g", v)
  }
  if (length(x) == 1 && !inherits(x, "AsIs")) return(one(x))
  paste0("[", paste(vapply(x, one, ""), collapse = ", "), "]")
}
plain <- function(x) I(as.numeric(x))

# ---- the data, from the variables themselves and not by our maps --------------------------------
asked <- function(x) ifelse(x == -1, NA, as.numeric(x == 1))
read <- function(two, level) {
  d <- as.data.frame(zap_labels(read_sav(file.path(data, paste0("pu_ssocs", two, ".sav")), user_na = TRUE)))
  of <- function(name) d[[paste0(name, two)]]
  words <- function(codes, names) factor(names[as.integer(codes)], levels = names)
  weights <- d[c("FINALWGT", paste0("REPFWT", 1:50))]
  mentors <- asked(d$C0640); teaches <- asked(d$C0642)
  out <- data.frame(
    level = words(trimws(d[[level]]), c("elementary", "middle", "high", "combined")),
    size = words(d$FR_SIZE, c("under_300", "from_300_to_499", "from_500_to_999", "from_1000")),
    locale = words(d$FR_URBAN, c("city", "suburb", "town", "rural")),
    crime = relevel(words(d$C0560, c("high_crime", "moderate_crime", "low_crime", "mixed_crime")), "low_crime"),
    officer_present = asked(d$C0610), duty_mentoring = mentors, duty_discipline = asked(d$C0632),
    agreement = asked(d$C0650), agreement_discipline = ifelse(d$C0652 == -1, NA, as.numeric(d$C0652 == 1)),
    threat_assessment_team = asked(d$C0600), bullying_weekly = as.numeric(d$C0376 <= 2),
    verbal_abuse_weekly = as.numeric(d$C0380 <= 2), problem_weekly = as.numeric(of("PROBWK") >= 1),
    violent_recorded = as.numeric(of("VIOINC") >= 1), long_suspension = as.numeric(of("OUTSUS") >= 1),
    violent_incidents = of("VIOINC"),
    officer_role = factor(ifelse(d$C0610 == 2, "no_officer",
      ifelse(mentors == 1 | teaches == 1, "mentors_or_teaches", "does_neither")),
      levels = c("no_officer", "does_neither", "mentors_or_teaches"))
  )
  svrepdesign(data = out, weights = weights[[1]], repweights = as.matrix(weights[-1]), type = "JK1", scale = 49 / 50,
    rscales = rep(1, 50), combined.weights = TRUE, mse = TRUE)
}
designs <- list("2018" = read("18", "FR_LVEL"), "2020" = read("20", "FR_LVELX"))

# ---- estimates --------------------------------------------------------------------------------
measures <- c("officer_present", "duty_mentoring", "duty_discipline", "agreement", "agreement_discipline",
  "threat_assessment_team", "bullying_weekly", "violent_recorded", "long_suspension", "violent_incidents")
rows <- function(d, name) {
  f <- as.formula(paste0("~", name))
  all <- svymean(f, d, na.rm = TRUE)
  d$variables$unit <- interaction(d$variables$level, d$variables$locale, sep = "_", drop = TRUE)
  one <- function(by) {
    r <- svyby(f, as.formula(paste0("~", by)), d, svymean, na.rm = TRUE)
    n <- tapply(!is.na(d$variables[[name]]), d$variables[[by]], sum)
    n <- as.numeric(n[as.character(r[[by]])])
    kept <- n >= 30  # fewer do not meet the reporting standard
    list(group = I(as.character(r[[by]])[kept]), n = plain(n[kept]), estimate = plain(r[[name]][kept]),
      std_error = plain(SE(r)[kept]))
  }
  list(all = list(estimate = plain(coef(all)), std_error = plain(SE(all))), level = one("level"), size = one("size"),
    locale = one("locale"), unit = one("unit"))
}
estimates <- lapply(designs, function(d) sapply(measures, function(name) rows(d, name), simplify = FALSE))
totals <- lapply(designs, function(d) {
  t <- svytotal(~violent_incidents, d)
  list(estimate = coef(t)[[1]], std_error = SE(t)[[1]])
})

# ---- regressions --------------------------------------------------------------------------------
# glm stops at 1e-8 of the deviance by default; carried on, coefficients are exact to rounding.
strict <- glm.control(epsilon = 1e-14, maxit = 100)
regression <- function(d, outcome, family, link) {
  f <- as.formula(paste(outcome, "~ officer_role + level + size + locale + crime"))
  m <- svyglm(f, d, family = family, control = strict)
  s <- summary(m)$coefficients
  # The difference that each role makes: all schools of the role, less all without an officer.
  inverse <- make.link(link)$linkinv
  roles <- function(w, data) {
    b <- coef(glm(f, data = cbind(data, .w = w / mean(w)), weights = .w, family = family, control = strict))
    mean_if <- function(r) {
      data$officer_role <- factor(r, levels = levels(data$officer_role))
      weighted.mean(inverse(as.numeric(model.matrix(delete.response(terms(f)), data) %*% b)), w)
    }
    c(mean_if("does_neither"), mean_if("mentors_or_teaches")) - mean_if("no_officer")
  }
  margin <- withReplicates(d, roles)
  list(names = I(rownames(s)), coefficient = plain(s[, 1]), std_error = plain(s[, 2]), p_value = plain(s[, 4]),
    degrees = m$df.residual, difference = plain(coef(margin)), difference_error = plain(SE(margin)))
}
d <- designs[["2020"]]
regressions <- list(
  violent_incidents = regression(d, "violent_incidents", quasipoisson(), "log"),
  problem_weekly = regression(d, "problem_weekly", quasibinomial(), "logit"),
  long_suspension = regression(d, "long_suspension", gaussian(), "identity")
)

digests <- list("2018" = unname(tools::md5sum(file.path(data, "pu_ssocs18.sav"))),
  "2020" = unname(tools::md5sum(file.path(data, "pu_ssocs20.sav"))))
versions <- list(R = paste(R.version$major, R.version$minor, sep = "."), survey = as.character(packageVersion("survey")),
  haven = as.character(packageVersion("haven")))
writeLines(json(list(versions = versions, data_md5 = digests, degrees = degf(d), estimates = estimates,
  totals = totals, regressions = regressions)), target)
