# Reference figures of glmnet: Rscript glmnet.R > glmnet.json
#
# Small problems, every number with all its digits. glmnet minimises, with weights w scaled to sum to
# n, penalty factors f scaled to sum to p, and y divided by its standard deviation s (divisor n; about
# zero without an intercept),
#     1/(2n) sum_i w_i (y_i - x_i.b)^2 + lambda sum_j f_j ((1 - alpha)/(2 s) b_j^2 + alpha |b_j|)
#
# With standardize = TRUE, its default, b_j in the penalty is multiplied by the standard deviation of
# column j (weights w, divisor n, about the mean also without an intercept).
suppressPackageStartupMessages(library(glmnet))
set.seed(1)

number <- function(x) ifelse(is.infinite(x), "Infinity", sprintf("%.17g", x))
vector <- function(x) paste0("[", paste(number(x), collapse = ", "), "]")
matrix_rows <- function(X) {
  paste0("[", paste(apply(X, 1, vector), collapse = ",\n    "), "]")
}

draw <- function(n, p) {
  X <- matrix(rnorm(n * p), n, p) + rnorm(n)
  X <- sweep(X, 2, runif(p, 0.5, 2), "*")
  X <- sweep(X, 2, rnorm(p), "+")
  y <- as.vector(X %*% (rnorm(p) * (runif(p) < 0.5))) + rnorm(n) + 3
  list(X = X, y = y)
}

entry <- function(name, n, p, alpha, ...) {
  data <- draw(n, p)
  extra <- list(...)
  default <- list(weights = rep(1, n), penalty.factor = rep(1, p), intercept = TRUE, lower = -Inf,
                  standardize = FALSE)
  for (key in names(extra)) default[[key]] <- extra[[key]]
  lambda <- exp(seq(log(1), log(0.02), length.out = 5))
  fit <- glmnet(data$X, data$y,
    alpha = alpha, lambda = lambda, standardize = default$standardize, thresh = 1e-22, maxit = 1e8,
    weights = default$weights, penalty.factor = default$penalty.factor,
    intercept = default$intercept, lower.limits = default$lower
  )
  paste0(
    '{"name": "', name, '", "alpha": ', number(alpha),
    ', "intercept": ', tolower(default$intercept),
    ', "positive": ', tolower(default$lower == 0),
    ', "standardize": ', tolower(default$standardize),
    ',\n  "weights": ', vector(default$weights),
    ',\n  "penalty_factor": ', vector(default$penalty.factor),
    ',\n  "X": ', matrix_rows(data$X), ',\n  "y": ', vector(data$y),
    ',\n  "lambda": ', vector(fit$lambda),
    ',\n  "a0": ', vector(as.vector(fit$a0)),
    ',\n  "beta": ', matrix_rows(t(as.matrix(fit$beta))), "}"
  )
}

entries <- c(
  entry("lasso", 20, 6, 1),
  entry("elastic net", 20, 6, 0.6),
  entry("ridge", 20, 6, 0),
  entry("more features than rows", 8, 14, 0.9),
  entry("sample weights", 20, 6, 0.7, weights = c(0, rep(c(1, 2, 0.5, 3), length.out = 19))),
  entry("penalty factors", 20, 6, 0.8, penalty.factor = c(0, 0.5, 1, 2, 3, 1)),
  entry("an excluded feature", 20, 6, 1, penalty.factor = c(1, Inf, 1, 2, 1, 0.5)),
  entry("no intercept", 20, 6, 1, intercept = FALSE),
  entry("no intercept, elastic net", 20, 6, 0.5, intercept = FALSE),
  entry("positive", 20, 6, 0.8, lower = 0),
  entry("standardized lasso", 20, 6, 1, standardize = TRUE),
  entry("standardized elastic net", 20, 6, 0.6, standardize = TRUE),
  entry("standardized ridge", 20, 6, 0, standardize = TRUE),
  entry("standardized, sample weights and penalty factors", 20, 6, 0.7,
    weights = c(0, rep(c(1, 2, 0.5, 3), length.out = 19)),
    penalty.factor = c(0, 0.5, 1, Inf, 3, 1), standardize = TRUE
  ),
  entry("standardized, no intercept", 20, 6, 0.5, intercept = FALSE, standardize = TRUE),
  entry("standardized, positive", 20, 12, 0.9, lower = 0, standardize = TRUE)
)
cat("[", paste(entries, collapse = ",\n"), "]\n", sep = "")
