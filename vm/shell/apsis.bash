# Completion of apsis' command line for bash.

_apsis() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} i
  COMPREPLY=()

  if ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} == kernel ]]; then
    _apsis_kernel
    return
  fi
  # Behind the script's name its own arguments stand.
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -e | -l) ((i++)) ;;
      -?*) ;;
      *)
        compopt -o default
        return
        ;;
    esac
  done

  case $before in
    -e) return ;;
    -l)
      COMPREPLY=($(compgen -W 'apsis apsis.data apsis.io apsis.nn apsis.nn.functional apsis.optim apsis.plot
        apsis.train' -- "$word"))
      return
      ;;
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W '-e -l -i -q --no-init -v --version -h --help' -- "$word"))
    return
  fi
  ((COMP_CWORD == 1)) && COMPREPLY=($(compgen -W kernel -- "$word"))
  compopt -o filenames
  local name
  while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -X '!*.lua' -- "$word"; compgen -d -- "$word")
}

_apsis_kernel() {
  if ((COMP_CWORD == 2)); then
    COMPREPLY=($(compgen -W 'install run' -- "$word"))
  elif [[ ${COMP_WORDS[2]} == run || $before == --prefix ]]; then
    compopt -o default
  elif [[ $before != --name && $before != --display-name ]]; then
    COMPREPLY=($(compgen -W '--user --sys-prefix --prefix --name --display-name' -- "$word"))
  fi
}

complete -F _apsis apsis
