# sift
