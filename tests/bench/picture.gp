# gnuplot -e "bars='FILE'; picture='FILE.svg'" picture.gp: the fastest peer's time by ours, a pair of bars for each row of the grid.
set terminal svg size 800,340 font "sans-serif,13" background "white"
set output picture
set title "Time of the fastest other GRU / moongate's, one thread (above 1: moongate is faster)" font ",14"
set style data histograms
set style histogram clustered gap 1
set style fill solid noborder
set boxwidth 0.9
set yrange [0:*]
set grid ytics lc rgb "#dddddd"
set border 3
set xtics nomirror
set ytics nomirror
set xlabel "T,B and I,H" offset 0,-1
set bmargin 5
set xrange [-0.6:6.6]
set key top center horizontal
set arrow from graph 0, first 1 to graph 1, first 1 nohead lc rgb "#444444" lw 1
plot bars using 2:xtic(1) title "inference" lc rgb "#4477aa", bars using 3 title "training step" lc rgb "#ee9944"
