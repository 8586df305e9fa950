import Config
import Foundation
import NetworkTypes

/// The files of `Config/`, and short ways to read text as one.
enum ConfigFiles {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Config")

    static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }
}

func read(_ yaml: String) throws -> Configuration { try Configuration(yaml: Array(yaml.utf8), file: "edge.yaml") }

/// What reading `yaml` complains of, a line for each error; empty where it is right.
func complaints(_ yaml: String) -> String { complaints(Array(yaml.utf8)) }

func complaints(_ bytes: [UInt8]) -> String {
    do {
        _ = try Configuration(yaml: bytes, file: "edge.yaml")
        return ""
    } catch {
        return error.description
    }
}

func ip(_ text: String) -> IPAddress { IPAddress(text) ?? .unspecified(.v4) }
