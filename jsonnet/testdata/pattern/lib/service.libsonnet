// A systemd service that runs, and is enabled or not.
function(options)
  local o = { enable: false } + options;
  [
    {
      id: 'start ' + o.name,
      check: 'systemctl is-active ' + o.name,
      change: 'systemctl start ' + o.name,
      remove: 'systemctl stop ' + o.name,
    },
    {
      id: 'restart ' + o.name,
      change: 'systemctl restart ' + o.name,
    },
  ] + (if o.enable then [{
         id: 'enable ' + o.name,
         check: 'systemctl is-enabled ' + o.name,
         change: 'systemctl enable ' + o.name,
         remove: 'systemctl disable ' + o.name,
       }] else [])
