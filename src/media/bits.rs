//! Reading bit fields and Exp-Golomb codes, with every read checked.
