import Foundation

/// Writes a line to standard error; what it does not take is lost.
func printError(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
}
