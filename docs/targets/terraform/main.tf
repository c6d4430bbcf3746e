# The server of one environment. Put your platform's resources in the place of terraform_data.server.

terraform {
  required_version = ">= 1.4"

  backend "local" {} # deploy.sh says where; any other backend will do
}

variable "model" {
  type = string
}

variable "release" {
  description = "The model version's number; Terraform keeps the name version for itself in modules."
  type        = number
}

variable "sha256" {
  description = "Of the model file: a version that was stored anew is deployed anew."
  type        = string
}

variable "port" {
  type = number
}

variable "revision" {
  type = number
}

variable "package" {
  description = "The folder that mlops-console model package has made."
  type        = string
}

variable "python" {
  description = "An interpreter with the package's requirements."
  type        = string
  default     = "python3"
}

resource "terraform_data" "server" {
  triggers_replace = [var.model, var.release, var.sha256, var.port]

  input = {
    pid_file = "${dirname(var.package)}/server-${var.port}.pid"
  }

  provisioner "local-exec" {
    command = <<-EOT
      nohup setsid "$PYTHON" "$PACKAGE/serve.py" > "$PID_FILE.log" 2>&1 < /dev/null &
      echo $! > "$PID_FILE"
      for _ in $(seq 300); do
        "$PYTHON" -c "import sys, urllib.request as u; u.urlopen(sys.argv[1])" "http://127.0.0.1:$MLOPS_PORT/ping" 2> /dev/null && exit 0
        kill -0 "$(cat "$PID_FILE")" 2> /dev/null || break
        sleep 0.1
      done
      tail -n 5 "$PID_FILE.log" >&2
      exit 1
    EOT

    environment = {
      PYTHON         = var.python
      PACKAGE        = var.package
      PID_FILE       = self.input.pid_file
      MLOPS_PORT     = var.port
      MLOPS_REVISION = var.revision
    }
  }

  provisioner "local-exec" {
    when    = destroy
    command = <<-EOT
      test -f "$PID_FILE" || exit 0
      pid=$(cat "$PID_FILE")
      kill "$pid" 2> /dev/null
      for _ in $(seq 300); do
        kill -0 "$pid" 2> /dev/null || { rm "$PID_FILE"; exit 0; }
        sleep 0.1
      done
      exit 1
    EOT

    environment = {
      PID_FILE = self.input.pid_file
    }
  }
}

output "serves" {
  value      = "${var.model}:${var.release}"
  depends_on = [terraform_data.server]
}

output "url" {
  value = "http://127.0.0.1:${var.port}"
}
