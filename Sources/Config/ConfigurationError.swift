/// Where something stands in a configuration file; both count from 1, columns in Unicode scalars.
public struct Position: Hashable, Sendable {
    public var line: Int
    public var column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// One thing wrong with a configuration, in plain words: `edge.yaml:3:9: unknown key 'adresses'; …`.
///
/// Values of secret keys never appear in a message (there are none yet), and control characters are shown escaped.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file as it was named to us, or `command line`.
    public var file: String
    /// Nil where the error is not about one place (no such file), or the value is from the command line.
    public var position: Position?
    public var message: String

    public init(file: String, position: Position? = nil, message: String) {
        self.file = file
        self.position = position
        self.message = message
    }

    public var line: Int? { position?.line }
    public var column: Int? { position?.column }

    public var description: String {
        guard let position else { return "\(file): \(message)" }
        return "\(file):\(position.line):\(position.column): \(message)"
    }
}

/// Everything found wrong with one configuration, in the order of the file; never empty.
public struct ConfigurationErrors: Error, Hashable, Sendable, CustomStringConvertible {
    public let errors: [ConfigurationError]

    public init(_ first: ConfigurationError) { errors = [first] }

    /// Nil when there is nothing wrong.
    init?(_ errors: [ConfigurationError]) {
        guard !errors.isEmpty else { return nil }
        let inOrder = errors.enumerated().sorted { a, b in
            let (left, right) = (a.element.sortKey, b.element.sortKey)
            return left == right ? a.offset < b.offset : left < right
        }
        self.errors = inOrder.map(\.element)
    }

    public var description: String { errors.map(\.description).joined(separator: "\n") }
}

/// Something that works, but that the admin should know.
public struct ConfigurationWarning: Hashable, Sendable, CustomStringConvertible {
    public var file: String
    public var position: Position?
    public var message: String

    public var description: String {
        guard let position else { return "\(file): warning: \(message)" }
        return "\(file):\(position.line):\(position.column): warning: \(message)"
    }
}

extension ConfigurationError {
    fileprivate var sortKey: (Int, Int) { (position?.line ?? 0, position?.column ?? 0) }
}
