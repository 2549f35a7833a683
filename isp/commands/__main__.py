from isp.commands import script

script()
