from qmac.cli import main

main()
