# Reference values for the effect in each group, and for harms (see README.md beside this file).
#
#   Rscript subgroups.R [OUTPUT_FOLDER]
#
# Reads people.csv and schools.csv of ../multilevel, writes discipline.csv and expected.json beside this script, or to
# OUTPUT_FOLDER.
suppressPackageStartupMessages(library(clubSandwich))

args <- commandArgs(trailingOnly = TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)[1]))
out <- if (length(args) >= 1) args[1] else here

json <- function(x) {
  if (is.list(x)) return(paste0("{", paste0('"', names(x), '": ', vapply(x, json, ""), collapse = ",\n"), "}"))
  stopifnot(is.finite(x))
  text <- sprintf("%.17g", x)
  if (length(x) == 1) text else paste0("[", paste(text, collapse = ", "), "]")
}

text <- c(school_id = "character", wave = "character")
people <- read.csv(file.path(here, "..", "multilevel", "people.csv"), colClasses = text)
schools <- read.csv(file.path(here, "..", "multilevel", "schools.csv"), colClasses = text)

# Exposure within and between, over the waves in which a school is seen.
split_exposure <- function(rows) {
  seen <- unique(rows[c("school_id", "wave", "hours")])
  rows$between <- ave(seen$hours, seen$school_id)[match(paste(rows$school_id, rows$wave), paste(seen$school_id, seen$wave))]
  rows$within <- rows$hours - rows$between
  rows
}
people <- split_exposure(merge(people, schools[c("school_id", "wave", "hours")]))

effect <- function(fit, term, sign = 1) {
  found <- coef_test(fit, vcov = "CR2", cluster = fit$model$`(school)`, test = "Satterthwaite", coefs = term)
  limits <- sign * found$beta + c(-1, 1) * qt(0.975, found$df_Satt) * found$SE
  list(estimate = sign * found$beta, std_error = found$SE, df = found$df_Satt, conf_low = limits[1],
       conf_high = limits[2], p_value = found$p_Satt)
}
clustered <- function(formula, data) {
  fit <- lm(formula, data)
  fit$model$`(school)` <- data$school_id
  fit
}

expected <- list()
for (group in sort(unique(people$grade))) {
  people$outside <- as.numeric(people$grade != group)
  fit <- clustered(score ~ (wave + within + between) * outside, people)
  expected[[group]] <- list(n = sum(people$grade == group), effect = effect(fit, "within"),
                            difference = effect(fit, "within:outside", -1))
}
differences <- vapply(expected, function(g) g$difference$p_value, 0)
expected$differences_adjusted <- p.adjust(differences, "BH")

# ---- harms: two school-waves without a count -------------------------------------------------
set.seed(71)
schools$students <- sample(80:900, nrow(schools), replace = TRUE)
schools$exclusion <- rbinom(nrow(schools), schools$students, 0.06)
schools$referral <- rbinom(nrow(schools), schools$students, 0.02 + 0.002 * schools$hours)
schools$referral[c(5, 40)] <- NA
write.csv(schools[c("school_id", "wave", "students", "exclusion", "referral")], file.path(out, "discipline.csv"),
          row.names = FALSE, quote = FALSE, na = "")
for (harm in c("exclusion", "referral")) {
  rows <- schools[!is.na(schools[[harm]]), ]
  rows$rate <- 100 * rows[[harm]] / rows$students
  rows <- split_exposure(rows)
  fit <- clustered(rate ~ wave + within + between, rows)
  expected[[harm]] <- list(n = sum(rows$students), within = effect(fit, "within"), between = effect(fit, "between"))
}
writeLines(json(expected), file.path(out, "expected.json"))
